"""What a worker remembers, as snapshots on a compacted topic. No stage and no client."""
