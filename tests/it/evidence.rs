//! What was shown, written down: `docs/evidence/<topic>.md`, one entry for each line of an issue's "Shown by". Only `./test --long`
//! asks for it (with `LAGSLOPE_EVIDENCE`, a folder); otherwise nothing is written, and the tests are the same.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

/// The entries of one topic.
pub(crate) struct Evidence {
    topic: &'static str,
    title: &'static str,
    text: Mutex<String>,
}

impl Evidence {
    pub(crate) fn new(topic: &'static str, title: &'static str) -> Self {
        Self {
            topic,
            title,
            text: Mutex::default(),
        }
    }

    /// One line that was shown, how, and what was seen.
    pub(crate) fn entry(&self, shown: &str, command: &str, seen: &str) {
        let mut text = self.text.lock().expect("not poisoned");
        write!(
            text,
            "\n## {shown}\n\n```sh\n{command}\n```\n\n```text\n{}\n```\n",
            seen.trim_end()
        )
        .expect("into memory");
        drop(text);
        self.write();
    }

    /// Written after each entry, so that a demonstration that fails later leaves what it had shown.
    fn write(&self) {
        let Some(folder) = std::env::var_os("LAGSLOPE_EVIDENCE").map(PathBuf::from) else {
            return;
        };
        std::fs::create_dir_all(&folder).expect("the evidence folder can be made");
        let text = self.text.lock().expect("not poisoned").clone();
        let head = format!(
            "# {}\n\nCommit {}, {}.\n",
            self.title,
            commit(),
            said_by("date", &["-u", "+%F %R UTC"])
        );
        std::fs::write(folder.join(format!("{}.md", self.topic)), head + &text)
            .expect("the evidence can be written");
    }
}

/// What was shown is shown of this commit; changes beside what the demonstrations themselves write are told.
fn commit() -> String {
    let elsewhere = ["--", ".", ":!docs/evidence", ":!docs/images"];
    let changed = said_by(
        "git",
        &[&["status", "--porcelain"][..], &elsewhere].concat(),
    );
    let suffix = if changed.is_empty() {
        ""
    } else {
        ", with changes that are not committed"
    };
    said_by("git", &["rev-parse", "--short", "HEAD"]) + suffix
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("it runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
