//! A real KDC for tests, MIT's, in a temporary folder on a free port: nothing of the machine's own Kerberos is read or changed.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::processes::{Processes, free_port};

pub(super) const REALM: &str = "LAGSLOPE.TEST";

const START_DEADLINE: Duration = Duration::from_secs(30);

/// Where `./test` unpacks Debian's packages: installed ones would start a service.
const UNPACKED: [&str; 2] = [
    "target/debian/krb5-kdc/usr",
    "target/debian/krb5-admin-server/usr",
];

/// A running KDC; it ends when it is dropped.
pub(super) struct Kdc {
    processes: Processes,
}

impl Kdc {
    pub(super) fn start() -> Self {
        let processes = Processes::new("kdc");
        let port = free_port();
        let kdc = Self { processes };
        kdc.write("krb5.conf", &client_settings(port));
        kdc.write("kdc.conf", &kdc_settings(kdc.folder(), port));
        kdc.run("kdb5_util", &["create", "-s", "-P", "the-master-key"]);
        let pid = kdc.processes.start("kdc", &kdc.script());
        kdc.processes.wait_ready("kdc", pid, START_DEADLINE, || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        kdc
    }

    pub(super) fn folder(&self) -> &Path {
        self.processes.folder()
    }

    /// A file of the folder, as text.
    pub(super) fn file(&self, name: &str) -> String {
        self.folder().join(name).display().to_string()
    }

    /// The same settings as `krb5.conf`, but with a KDC at another port. Returns the file.
    pub(super) fn settings_with_kdc_at(&self, port: u16) -> String {
        let name = format!("kdc-at-{port}.conf");
        self.write(&name, &client_settings(port));
        self.file(&name)
    }

    /// A new principal that has to prove who it is, with a random key in a keytab of its own. Returns the keytab.
    pub(super) fn add(&self, principal: &str, keytab: &str) -> String {
        self.admin(&format!("addprinc -randkey +requires_preauth {principal}"));
        let keytab = self.file(keytab);
        self.admin(&format!("ktadd -k {keytab} {principal}"));
        keytab
    }

    /// Gives a principal another key than the one in its keytab.
    pub(super) fn change_key(&self, principal: &str) {
        self.admin(&format!("cpw -randkey {principal}"));
    }

    /// What it has been asked, and answered.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder().join("kdc.log")).unwrap_or_default()
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.folder().join(name), content).expect("a file in our temporary folder");
    }

    fn admin(&self, query: &str) {
        self.run("kadmin.local", &["-q", query]);
    }

    fn script(&self) -> String {
        format!(
            "export KRB5_CONFIG='{}' KRB5_KDC_PROFILE='{}'\nexec '{}' -n\n",
            self.file("krb5.conf"),
            self.file("kdc.conf"),
            program("krb5kdc").display()
        )
    }

    /// Their exit codes say little: `kadmin.local -q` ends with 0 whatever became of the query.
    fn run(&self, name: &str, arguments: &[&str]) {
        let output = Command::new(program(name))
            .args(arguments)
            .env("KRB5_CONFIG", self.file("krb5.conf"))
            .env("KRB5_KDC_PROFILE", self.file("kdc.conf"))
            .output()
            .unwrap_or_else(|error| panic!("{name} (krb5-kdc, krb5-admin-server): {error}"));
        let said = String::from_utf8_lossy(&output.stderr).replace("WARNING: no policy", "");
        let failed = ["while ", "rror", "nvalid"]
            .iter()
            .any(|word| said.contains(word));
        assert!(
            output.status.success() && !failed,
            "{name} {arguments:?}: {said}"
        );
    }
}

fn client_settings(port: u16) -> String {
    let database = unpacked("lib/x86_64-linux-gnu/krb5/plugins/kdb")
        .or_else(|| unpacked("lib/aarch64-linux-gnu/krb5/plugins/kdb"));
    let modules = database.map_or_else(String::new, |folder| {
        format!("[dbmodules]\n db_module_dir = {}\n", folder.display())
    });
    // Forwardable, as many sites have it: what may be handed on must not be.
    format!(
        "[libdefaults]
 default_realm = {REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 forwardable = true
 udp_preference_limit = 1
[realms]
 {REALM} = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 localhost = {REALM}
{modules}"
    )
}

fn kdc_settings(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "[realms]
 {REALM} = {{
  database_name = {folder}/principal
  key_stash_file = {folder}/stash
  acl_file = {folder}/kadm5.acl
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
 }}
[logging]
 kdc = FILE:{folder}/kdc.log
 admin_server = FILE:{folder}/admin.log
"
    )
}

fn unpacked(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut places = UNPACKED.iter().map(|place| root.join(place).join(path));
    places.find(|place| place.exists())
}

/// An unpacked program, else one that is installed; `sbin` is not in everybody's path.
fn program(name: &str) -> PathBuf {
    unpacked(&format!("sbin/{name}")).unwrap_or_else(|| {
        let installed = Path::new("/usr/sbin").join(name);
        if installed.exists() {
            installed
        } else {
            PathBuf::from(name)
        }
    })
}
