"""How often the right implant is named, measured in memory: films whose implant is known are
split into references and queries, looked up among each other, and counted. No row is written.

`labelled` and `folder` say what is on a film, `phantoms` draws such films, `embedding` gives
them vectors, `experiment` splits and looks up, `measures` counts, `report` and `tables` show.
"""
