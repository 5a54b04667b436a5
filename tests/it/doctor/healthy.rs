//! Clusters that allow everything: the newest Kafka and 3.9.
