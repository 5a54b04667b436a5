//! The binary as it is typed: exit codes, and what goes to stdout and to stderr.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use super::LEAST;

fn lagslope(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lagslope"));
    command.args(arguments).env_clear();
    command
}

fn outcome(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = lagslope(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// The path of a file that says `text`, and what keeps it.
fn file(text: &str) -> (String, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("f.yaml");
    fs::write(&path, text).expect("written");
    (path.display().to_string(), folder)
}

#[test]
fn check_config_says_ok_or_everything_that_is_wrong() {
    let (good, _kept) = file(LEAST);
    assert_eq!(
        outcome(&["check-config", &good]),
        (Some(0), format!("{good}: OK\n"), String::new())
    );
    let (bad, _kept) = file("a: 1\nb: 1\nclusters: 5\n");
    let told = format!(
        "lagslope: {bad}:1: a: unknown key\n\
         lagslope: {bad}:2: b: unknown key\n\
         lagslope: {bad}:3: clusters: expected a list, got the text \"5\": write [\"5\"]\n"
    );
    assert_eq!(
        outcome(&["check-config", &bad]),
        (Some(78), String::new(), told)
    );
}

#[test]
fn a_bad_configuration_ends_a_run_with_78() {
    let told = "lagslope: /nowhere.yaml: cannot be read: No such file or directory (os error 2)\n";
    for arguments in [
        &["run", "--config.file", "/nowhere.yaml"][..],
        &["--config.file=/nowhere.yaml"],
        &["doctor", "--config.file", "/nowhere.yaml"],
    ] {
        assert_eq!(
            outcome(arguments),
            (Some(78), String::new(), told.to_owned())
        );
    }
    let (code, _, told) = outcome(&["--bootstrap.servers", "a:1,b"]);
    let expected = "lagslope: --bootstrap.servers: clusters[0].bootstrap_servers[1]: \
        expected host:port (an IPv6 address in brackets), got the text \"b\"\n";
    assert_eq!((code, told.as_str()), (Some(78), expected));
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_would_be_right() {
    let cases: &[(&[&str], &[&str])] = &[
        (
            &[],
            &["--config.file FILE", "--bootstrap.servers HOST:PORT"],
        ),
        (
            &["run"],
            &["--config.file FILE", "--bootstrap.servers HOST:PORT"],
        ),
        (
            &["--config.file", "a", "--bootstrap.servers", "a:1"],
            &["cannot be used with"],
        ),
        (&["--log.level", "loud"], &["debug"]),
        (
            &["--web.listen-address", "9877"],
            &["expected HOST:PORT or :PORT"],
        ),
        (&["check-config"], &["<FILE>"]),
        (
            &["doctor"],
            &["--config.file FILE", "--bootstrap.servers HOST:PORT"],
        ),
        (
            &["doctor", "--bootstrap.servers=a:1", "--clock.watch=6"],
            &["expected a time such as 6s"],
        ),
        (&["frobnicate"], &["frobnicate"]),
    ];
    for (arguments, said) in cases {
        let (code, stdout, stderr) = outcome(arguments);
        assert_eq!(
            (code, stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}: {stderr}"
        );
        assert!(
            said.iter().all(|said| stderr.contains(said)),
            "{arguments:?}: {stderr}"
        );
    }
}

#[test]
fn help_names_every_flag_with_its_default() {
    for arguments in [&["--help"][..], &["run", "--help"]] {
        let (code, stdout, _) = outcome(arguments);
        assert_eq!(code, Some(0));
        for said in [
            "--config.file",
            "--bootstrap.servers",
            "[default: 0.0.0.0:9877]",
            "[default: info]",
            "[default: logfmt]",
        ] {
            assert!(stdout.contains(said), "{said} is not in {stdout}");
        }
    }
    let (_, version, _) = outcome(&["--version"]);
    assert!(
        version.starts_with(concat!("lagslope ", env!("CARGO_PKG_VERSION"), " (")),
        "{version}"
    );
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let (good, _kept) = file(LEAST);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = lagslope(&["check-config", &good])
        .stdout(writer)
        .output()
        .expect("it runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_taken_port_ends_a_run_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let (code, _, told) = outcome(&[
        "--bootstrap.servers=127.0.0.1:1",
        "--web.listen-address",
        &address,
    ]);
    assert_eq!(code, Some(1));
    assert!(
        told.starts_with(&format!("lagslope: cannot listen on {address}: ")),
        "{told}"
    );
}

#[test]
fn a_signal_ends_a_run_with_0() {
    for signal in ["-TERM", "-INT"] {
        let mut child = lagslope(&[
            "--bootstrap.servers=127.0.0.1:1",
            "--web.listen-address=127.0.0.1:0",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
        // Its first log line comes when it listens and has its signal handlers.
        let mut first = String::new();
        BufReader::new(child.stderr.take().expect("piped"))
            .read_line(&mut first)
            .expect("a line");
        assert!(first.contains("level=info"), "{first}");
        let sent = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .expect("kill");
        assert!(sent.success());
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "{signal}");
    }
}
