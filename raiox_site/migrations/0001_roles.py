from django.db import migrations

ROLES = ("reader", "approver", "curator")


def create_roles(apps, schema_editor):
    """The groups; their permissions follow when permissions exist (raiox_site.roles)."""
    group_model = apps.get_model("auth", "Group")
    for role in ROLES:
        group_model.objects.get_or_create(name=role)


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("implants", "0001_catalogue"),
        ("matching", "0001_embeddings"),
        ("cases", "0001_cases"),
        ("integrations", "0001_deliveries_and_answers"),
    ]

    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
