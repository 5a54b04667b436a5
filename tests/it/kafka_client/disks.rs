//! What scripted brokers say of retention and of their disks.

use kafka_protocol::messages::describe_configs_response as configs;
use kafka_protocol::messages::describe_log_dirs_response as dirs;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;

use super::scripted::World;

impl World {
    pub(super) fn configs(&self, asked: &DescribeConfigsRequest) -> DescribeConfigsResponse {
        let entry = |name: &'static str, value: String| {
            configs::DescribeConfigsResourceResult::default()
                .with_name(StrBytes::from_static_str(name))
                .with_value(Some(StrBytes::from_string(value)))
        };
        let Some(bytes) = self.retention_bytes else {
            return DescribeConfigsResponse::default();
        };
        let mut set = vec![("cleanup.policy", "delete".to_owned())];
        set.push(("retention.bytes", bytes.to_string()));
        let others = self.other_configs.iter();
        set.extend(others.map(|(name, value)| (*name, (*value).to_owned())));
        let results = asked.resources.iter().map(|asked| {
            // As Kafka does: only what is asked for.
            let keys = asked.configuration_keys.as_deref().unwrap_or_default();
            let told = set
                .iter()
                .filter(|(name, _)| keys.iter().any(|key| **key == **name));
            configs::DescribeConfigsResult::default()
                .with_resource_name(asked.resource_name.clone())
                .with_configs(
                    told.map(|(name, value)| entry(name, value.clone()))
                        .collect(),
                )
        });
        DescribeConfigsResponse::default().with_results(results.collect())
    }

    /// Every broker has a replica of every partition.
    pub(super) fn sizes(&self, id: i32) -> DescribeLogDirsResponse {
        let topics = self.topics.iter().map(|(name, partitions)| {
            let sizes = partitions.iter().zip(0..).map(|((leader, end), index)| {
                let each = if *leader == id { 100 } else { 50 };
                dirs::DescribeLogDirsPartition::default()
                    .with_partition_index(index)
                    .with_partition_size(end * each)
            });
            dirs::DescribeLogDirsTopic::default()
                .with_name(StrBytes::from_static_str(name).into())
                .with_partitions(sizes.collect())
        });
        let dir = dirs::DescribeLogDirsResult::default().with_topics(topics.collect());
        let told = if self.sizes_error == 0 {
            vec![dir]
        } else {
            Vec::new()
        };
        DescribeLogDirsResponse::default()
            .with_error_code(self.sizes_error)
            .with_results(told)
    }
}
