//! Kafka's own `kafka-consumer-groups` and `kafka-share-groups`, as the judge of what a monitor says. Each call is a JVM: some seconds.

use std::process::{Command, Output};

use super::{Kafka, Version, unique};

const CONSUMER_GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const SHARE_GROUPS: &str = "org.apache.kafka.tools.consumer.group.ShareGroupCommand";
const SHARE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleShareConsumer";
const CONSOLE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

/// One line of `--describe`: a group's position in one partition. `None` where the tool prints `-`, or nothing; what a share group
/// has committed is its start offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) group: String,
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) committed: Option<i64>,
    pub(crate) log_end: Option<i64>,
    pub(crate) lag: Option<i64>,
    pub(crate) member: Option<String>,
}

/// One line of `--describe --state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) group: String,
    pub(crate) state: String,
    pub(crate) members: usize,
}

impl Kafka {
    /// `--describe --all-groups`, sorted by group, topic and partition.
    pub(crate) fn describe_all_groups(&self) -> Vec<Position> {
        sorted_positions(&self.consumer_groups(&["--describe", "--all-groups"]))
    }

    /// The same while nodes are failing: whatever the tool prints before it ends, well or badly.
    pub(crate) fn describe_what_it_can(&self) -> Vec<Position> {
        let mut all = vec!["--bootstrap-server".to_owned(), self.bootstrap()];
        all.extend(["--describe", "--all-groups"].map(str::to_owned));
        let output = self.run_tool(CONSUMER_GROUPS, &all);
        sorted_positions(&String::from_utf8_lossy(&output.stdout))
    }

    /// `--describe --all-groups --state`, sorted by group.
    pub(crate) fn describe_states(&self) -> Vec<State> {
        let printed = self.consumer_groups(&["--describe", "--all-groups", "--state"]);
        sorted_states(&printed)
    }

    /// What `kafka-consumer-groups --bootstrap-server … ARGS` prints; fails the test when the tool does.
    pub(crate) fn consumer_groups(&self, args: &[&str]) -> String {
        let mut all = vec!["--bootstrap-server".to_owned(), self.bootstrap()];
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        self.tool(CONSUMER_GROUPS, &all)
    }

    /// A member of a KIP-848 group by Java's own client, which speaks the protocol to 3.9 too (librdkafka's only to 4.0 and newer).
    /// It reads the topic from the beginning and commits; it leaves after `messages`, or stays as long as the cluster.
    pub(crate) fn java_member(&self, group: &str, topic: &str, messages: Option<usize>) {
        let mut args = vec!["--bootstrap-server".to_owned(), self.bootstrap()];
        args.extend(["--topic", topic, "--group", group, "--from-beginning"].map(str::to_owned));
        args.extend(["--consumer-property", "group.protocol=consumer"].map(str::to_owned));
        self.read_by(CONSOLE_CONSUMER, args, messages);
    }

    /// Makes a share group (KIP-932) that will read the topic from its beginning: one that has never read begins at the end.
    pub(crate) fn share_group(&self, group: &str, topic: &str) {
        let arguments = |more: &[&str]| {
            let all = ["--bootstrap-server", &self.bootstrap(), "--group", group];
            let all = all.into_iter().chain(more.iter().copied());
            all.map(str::to_owned).collect::<Vec<_>>()
        };
        // Its member leaves because nothing comes; the group stays.
        let visit = arguments(&["--topic", topic, "--timeout-ms", "2000"]);
        self.run_tool(SHARE_CONSUMER, &visit);
        self.set_back(group, topic);
    }

    /// Sets the start offsets of a share group without members to the beginning of the topic.
    pub(crate) fn set_back(&self, group: &str, topic: &str) {
        let to = ["--reset-offsets", "--to-earliest", "--execute"];
        self.share_groups(&[&to[..], &["--group", group, "--topic", topic]].concat());
    }

    /// A member of a share group, which acknowledges what it reads. It leaves after `messages`, or stays as long as the cluster.
    pub(crate) fn share_member(&self, group: &str, topic: &str, messages: Option<usize>) {
        let mut args = vec!["--bootstrap-server".to_owned(), self.bootstrap()];
        args.extend(["--topic", topic, "--group", group].map(str::to_owned));
        self.read_by(SHARE_CONSUMER, args, messages);
    }

    fn read_by(&self, class: &str, mut args: Vec<String>, messages: Option<usize>) {
        if let Some(messages) = messages {
            args.extend(["--max-messages".to_owned(), messages.to_string()]);
            self.tool(class, &args);
            return;
        }
        let class_path = self.version().tools();
        let script = format!(
            "exec java -Xmx128m -XX:+UseSerialGC -cp '{class_path}' {class} {}",
            args.join(" ")
        );
        self.processes
            .start(&unique("member").replace('-', "_"), &script);
    }

    /// `kafka-share-groups --describe --all-groups --offsets`, sorted by group, topic and partition.
    pub(crate) fn describe_share_offsets(&self) -> Vec<Position> {
        sorted_positions(&self.share_groups(&["--describe", "--all-groups", "--offsets"]))
    }

    /// `kafka-share-groups --describe --all-groups --state`, sorted by group.
    pub(crate) fn describe_share_states(&self) -> Vec<State> {
        sorted_states(&self.share_groups(&["--describe", "--all-groups", "--state"]))
    }

    fn share_groups(&self, args: &[&str]) -> String {
        printed(SHARE_GROUPS, &self.bootstrap(), args)
    }

    /// Runs a class of the command line tools.
    pub(crate) fn tool(&self, class: &str, args: &[String]) -> String {
        checked(class, args, self.run_tool(class, args))
    }

    fn run_tool(&self, class: &str, args: &[String]) -> Output {
        java(self.version(), class, args)
    }
}

/// Other tools than that for groups.
#[derive(Clone, Copy)]
pub(crate) enum ClassOfTools {
    Topics,
    GetOffsets,
}

/// `--describe --all-groups` of whatever speaks Kafka's protocol there.
pub(crate) fn describe_all_groups_at(bootstrap: &str) -> Vec<Position> {
    let args = ["--describe", "--all-groups"];
    sorted_positions(&printed(CONSUMER_GROUPS, bootstrap, &args))
}

/// What another tool prints about it.
pub(crate) fn run_tool_at(tool: ClassOfTools, bootstrap: &str, args: &[&str]) -> String {
    let class = match tool {
        ClassOfTools::Topics => "org.apache.kafka.tools.TopicCommand",
        ClassOfTools::GetOffsets => "org.apache.kafka.tools.GetOffsetShell",
    };
    printed(class, bootstrap, args)
}

fn printed(class: &str, bootstrap: &str, args: &[&str]) -> String {
    let mut all = vec!["--bootstrap-server".to_owned(), bootstrap.to_owned()];
    all.extend(args.iter().map(|arg| (*arg).to_owned()));
    checked(class, &all, java(Version::Kafka4, class, &all))
}

/// A class of the command line tools in a JVM of its own.
fn java(version: Version, class: &str, args: &[String]) -> Output {
    Command::new("java")
        .args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
        .args(["-cp", &version.tools(), class])
        .args(args)
        .output()
        .expect("java is installed")
}

/// What it printed; fails the test when it failed.
fn checked(class: &str, args: &[String], output: Output) -> String {
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && !printed.contains("Error: "),
        "{class} {args:?} failed:\n{printed}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    printed
}

fn sorted_positions(printed: &str) -> Vec<Position> {
    let mut positions = positions(printed);
    positions
        .sort_by(|a, b| (&a.group, &a.topic, a.partition).cmp(&(&b.group, &b.topic, b.partition)));
    positions
}

/// The tool prints a table for each group, with its own heading, between sentences and blank lines.
fn positions(printed: &str) -> Vec<Position> {
    let mut columns: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for line in printed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.first() == Some(&"GROUP") {
            columns = words;
        } else if words.len() == columns.len() && !words.is_empty() {
            found.extend(position(&columns, &words));
        }
    }
    found
}

fn position(columns: &[&str], words: &[&str]) -> Option<Position> {
    let cell = |name: &str| {
        let at = columns.iter().position(|column| *column == name)?;
        Some(words[at]).filter(|word| *word != "-")
    };
    let number = |name| cell(name).and_then(|word| word.parse().ok());
    Some(Position {
        group: cell("GROUP")?.to_owned(),
        topic: cell("TOPIC")?.to_owned(),
        partition: cell("PARTITION")?.parse().ok()?,
        committed: number("CURRENT-OFFSET").or_else(|| number("START-OFFSET")),
        log_end: number("LOG-END-OFFSET"),
        lag: number("LAG"),
        member: cell("CONSUMER-ID").map(str::to_owned),
    })
}

fn sorted_states(printed: &str) -> Vec<State> {
    let mut states = states(printed);
    states.sort_by(|a, b| a.group.cmp(&b.group));
    states
}

/// State and members are the last two words; what is before may be empty or have blanks ("COORDINATOR (ID)").
fn states(printed: &str) -> Vec<State> {
    let rows = printed.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [group, .., state, members] = words.as_slice() else {
            return None;
        };
        Some(State {
            group: (*group).to_owned(),
            state: (*state).to_owned(),
            members: members.parse().ok()?,
        })
    });
    rows.collect()
}
