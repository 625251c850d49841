import pytest
from django.core.management import call_command
from django.db import connection

from implants.models import Implant, ReferenceImage
from matching import indexing, matcher
from matching.models import DIMENSIONS, Embedding

pytestmark = pytest.mark.django_db(transaction=True)

ENCODER = "Test-1/rebuilt@0/none"


def test_the_vectors_are_the_same_in_a_scattered_order_and_the_index_is_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = Implant.objects.bulk_create(
        Implant(manufacturer="Maker", name=f"Line {n}") for n in range(10)
    )
    references = ReferenceImage.objects.bulk_create(
        ReferenceImage(implant=rows[n // 5], file="none.jpg", sha256=f"{n:064}") for n in range(50)
    )
    Embedding.objects.bulk_create(
        Embedding(
            reference_image=reference,
            encoder=ENCODER,
            vector=[1.0, n / 100, *[0.0] * (DIMENSIONS - 2)],
        )
        for n, reference in enumerate(references)
    )
    names = ("pk", "reference_image", "encoder", "view", "created_at")
    before = sorted(Embedding.objects.values_list(*names))
    vectors = {pk: list(vector) for pk, vector in Embedding.objects.values_list("pk", "vector")}
    call_command("rebuild_index", memory="128MB")
    assert "50 vectors" in capsys.readouterr().out
    assert sorted(Embedding.objects.values_list(*names)) == before
    after = {pk: list(vector) for pk, vector in Embedding.objects.values_list("pk", "vector")}
    assert after == vectors
    with connection.cursor() as cursor:
        cursor.execute("SELECT reference_image_id FROM matching_embedding ORDER BY ctid")
        lying = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'embedding_half_hnsw'::regclass"
        )
        assert cursor.fetchone() == (True,)
    scattered = ReferenceImage.objects.order_by(indexing.scattered()).values_list("pk", flat=True)
    assert lying == list(scattered)
    found = matcher.nearest_implants([1.0, *[0.0] * (DIMENSIONS - 1)], encoder=ENCODER)
    assert [one.implant.name for one in found] == ["Line 0", "Line 1", "Line 2"]
    # New rows go on after the last key.
    new = ReferenceImage.objects.bulk_create(
        [ReferenceImage(implant=rows[0], file="none.jpg", sha256="f" * 64)]
    )[0]
    one = Embedding.objects.create(reference_image=new, encoder=ENCODER, vector=[1.0] * DIMENSIONS)
    assert one.pk > max(pk for pk, *_rest in before)
