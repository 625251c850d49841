"""The catalogue as a table: CSV or XLSX, out and in again."""
