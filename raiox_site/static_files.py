"""How static files are stored where the system is deployed."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleAwareStorage(CompressedManifestStaticFilesStorage):
    """Also rewrites the imports of ES modules: a module that is loaded by a page and imported
    by another under two names would run twice."""

    support_js_module_import_aggregation = True
    # Each pass follows the imports by one step.
    max_post_process_passes = 20
