"""The page that shows a store's content. Nothing here writes."""
