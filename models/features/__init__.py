"""The one feature kernel, its schema, state and data quality. Nothing here knows a model."""
