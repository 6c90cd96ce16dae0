//! Authorities and certificates for a test, made by openssl in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const CONFIG: &str = "[ca]\ndefault_ca = it\n[it]\ndatabase = index\nserial = serial\n\
                      new_certs_dir = .\ndefault_md = sha256\npolicy = any\n\
                      unique_subject = no\n[any]\ncommonName = supplied\n";

/// An authority.
pub struct Authority {
    folder: TempDir,
}

/// A certificate and its key, PEM.
#[derive(Clone)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Authority {
        let authority = Authority { folder: tempfile::tempdir().unwrap() };
        fs::write(authority.path("config"), CONFIG).unwrap();
        fs::write(authority.path("index"), "").unwrap();
        fs::write(authority.path("serial"), "01").unwrap();
        authority.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=test \
             -keyout key.pem -out certificate.pem",
        );
        authority
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn certificate(&self) -> PathBuf {
        self.path("certificate.pem")
    }

    /// Of a server on this machine.
    pub fn server(&self) -> Pair {
        self.pair("IP:127.0.0.1,DNS:localhost", "-days 2")
    }

    /// Of a client of that name, such as `DNS:shop.example`.
    pub fn client(&self, name: &str) -> Pair {
        self.pair(name, "-days 2")
    }

    /// Of a client whose time was over years ago.
    pub fn expired_client(&self, name: &str) -> Pair {
        self.pair(name, "-startdate 20200101000000Z -enddate 20210101000000Z")
    }

    fn pair(&self, names: &str, validity: &str) -> Pair {
        let extensions = format!("subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\n");
        fs::write(self.path("extensions"), extensions).unwrap();
        self.openssl(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=leaf \
             -keyout leaf.key -out leaf.csr",
        );
        self.openssl(&format!(
            "ca -batch -notext -config config -cert certificate.pem -keyfile key.pem \
             -extfile extensions -in leaf.csr -out leaf.pem {validity}"
        ));
        Pair { certificate: read(&self.path("leaf.pem")), key: read(&self.path("leaf.key")) }
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        let made = command.args(arguments.split_whitespace()).current_dir(&self.folder).output();
        let made = made.expect("openssl is there: tests/run installs it");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

impl Pair {
    /// Writes both files, each at once.
    pub fn write(&self, folder: &Path) {
        for (name, text) in [("server.pem", &self.certificate), ("server.key", &self.key)] {
            let beside = folder.join(format!("{name}.new"));
            fs::write(&beside, text).unwrap();
            fs::rename(beside, folder.join(name)).unwrap();
        }
    }
}
