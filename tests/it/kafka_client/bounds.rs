//! More groups and partitions than a cluster may have.
