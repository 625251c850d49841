"""Parts of the settings that belong together; `raiox_site.settings` is where they are read."""
