import pgvector.django.halfvec
import pgvector.django.indexes
from django.contrib.postgres.indexes import OpClass
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations
from django.db.models.functions import Cast


class Migration(migrations.Migration):
    """The code before compares every vector until it goes: right, only slower.

    Vectors that are written from now on stand in their rows, where comparing them one by one reads
    one page instead of four; those of a catalogue as small as today's need not be moved.
    """

    old_code_lives_with_it = True

    # References are searched, and added, meanwhile.
    atomic = False

    dependencies = [
        ("matching", "0002_encoder_choice_and_calibration"),
    ]

    operations = [
        # What an interrupted attempt leaves cannot be used, and stands in the way.
        migrations.RunSQL(
            "DROP INDEX CONCURRENTLY IF EXISTS embedding_half_hnsw", migrations.RunSQL.noop
        ),
        AddIndexConcurrently(
            model_name="embedding",
            index=pgvector.django.indexes.HnswIndex(
                OpClass(
                    Cast("vector", pgvector.django.halfvec.HalfVectorField(dimensions=512)),
                    name="halfvec_cosine_ops",
                ),
                name="embedding_half_hnsw",
                ef_construction=128,
                m=16,
            ),
        ),
        RemoveIndexConcurrently(model_name="embedding", name="embedding_vector_hnsw"),
        migrations.RunSQL(
            "ALTER TABLE matching_embedding ALTER COLUMN vector SET STORAGE PLAIN",
            "ALTER TABLE matching_embedding ALTER COLUMN vector SET STORAGE EXTERNAL",
        ),
    ]
