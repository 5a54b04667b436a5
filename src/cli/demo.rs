//! The flags of `lagslope demo`.

use clap::Args;

use super::listen_address;
use crate::simulator::scale::Size;

/// More groups and more partitions than this are beyond what one daemon is made for, and a typing error.
const GROUPS_MAX: u32 = 100_000;
const PARTITIONS_MAX: u32 = 2_000_000;

/// How many of the additional groups read the same topic.
const READERS: u32 = 2;

/// The demo's flags.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Nothing leaves this machine: cluster and daemon are one process, and listen on loopback.\n\
    Exit codes: 0 ended by SIGTERM or SIGINT; 1 a port is taken; 2 wrong usage."
)]
pub struct Demo {
    /// Where to serve what a browser and Prometheus look at; port 0 is any that is free
    #[arg(long = "web.listen-address", value_name = "[HOST]:PORT", default_value = "127.0.0.1:9877", value_parser = listen_address)]
    pub listen_address: String,
    /// Port of the first of the three brokers, the others have the following ones: for kcat, or any other client
    /// [default: any that are free]
    #[arg(long = "kafka.port", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=65_533))]
    pub kafka_port: Option<u16>,
    /// So many quiet groups more, with so many partitions over all of them [default: none]
    #[arg(long, value_name = "groups=N,partitions=N", value_parser = scale)]
    pub scale: Option<Size>,
}

fn scale(text: &str) -> Result<Size, String> {
    let (mut groups, mut group_partitions) = (None, None);
    for part in text.split(',') {
        let (key, number) = part
            .split_once('=')
            .ok_or("expected groups=N,partitions=N")?;
        let number: u32 = number
            .parse()
            .map_err(|_| format!("{number:?} is no number"))?;
        match key {
            "groups" => groups = Some(number),
            "partitions" => group_partitions = Some(number),
            _ => return Err(format!("{key:?} is neither groups nor partitions")),
        }
    }
    let (groups, group_partitions) = groups
        .zip(group_partitions)
        .ok_or("both groups and partitions are needed")?;
    if !(1..=GROUPS_MAX).contains(&groups) || group_partitions > PARTITIONS_MAX {
        return Err(format!(
            "1 to {GROUPS_MAX} groups and up to {PARTITIONS_MAX} partitions"
        ));
    }
    if group_partitions < groups {
        return Err("each group has a partition at least".to_owned());
    }
    Ok(Size {
        groups,
        group_partitions,
        readers: READERS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_two_numbers() {
        let size = scale("partitions=100000,groups=5000").expect("well written");
        assert_eq!((size.groups, size.group_partitions), (5_000, 100_000));
        assert_eq!((size.topics(), size.partitions()), (2_500, 20));
        for wrong in [
            "",
            "groups=5",
            "groups=5,partitions=x",
            "groups=5,topics=9",
            "groups=9,partitions=5",
            "groups=0,partitions=5",
        ] {
            assert!(scale(wrong).is_err(), "{wrong}");
        }
    }
}
