"""Recordings, read and written: tables of real fleets and folders of Parquet. Nothing is replayed here."""
