"""The roles that fields of the form can play (the keys of JOTFORM_FIELDS)."""

READ_ROLES = ("dentist_name", "dentist_email", "patient_name", "tooth", "consent", "files")
ANSWER_ROLES = (
    "answer",
    "answer_status",
    "answer_manufacturer",
    "answer_line",
    "answer_diameter",
    "answer_similarity",
    "answer_confidence",
    "answer_note",
)
JOTFORM_ROLES = READ_ROLES + ANSWER_ROLES
