//! Where the store is: a server or a cluster, parsed from a text that may hold a password.

use std::fmt;

use thiserror::Error;

const DEFAULT_PORT: u16 = 6379;

/// Why a text is no address. It never repeats the text, not even in part: a misplaced `@` or `:`
/// makes a host out of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UrlError {
    #[error(
        "the address of the store must begin with redis://, rediss:// (TLS), redis+cluster:// or \
         rediss+cluster:// (TLS)"
    )]
    Scheme,
    #[error(
        "user and password must be percent-encoded: expected %XX with two hexadecimal digits, and \
         UTF-8 when decoded"
    )]
    Encoding,
    #[error(
        "node {0} of the store's address has no valid host: expected a name, an IPv4 address or an \
         IPv6 address in brackets"
    )]
    Host(usize),
    #[error("node {0} of the store's address has no valid port: expected 1 to 65535 after the `:`")]
    Port(usize),
    #[error(
        "several nodes are only for a cluster: expected one host, or redis+cluster:// before them"
    )]
    SeveralNodes,
    #[error("the database must be a number: expected nothing or /0, /1, … after the host")]
    Database,
    #[error("a cluster has no numbered databases: expected nothing after the last node")]
    DatabaseOfCluster,
}

/// Host and port of one server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A server or a cluster, and how to sign in there. Prints without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    cluster: bool,
    tls: bool,
    nodes: Vec<Node>,
    user: Option<String>,
    password: Option<String>,
    database: u16,
    ca: Option<Vec<u8>>,
}

impl Server {
    /// Understands `redis://[user[:password]@]host[:port][/database]`, `rediss://` for TLS, and
    /// `redis+cluster://` or `rediss+cluster://` with one or more nodes, separated by commas.
    pub fn parse(text: &str) -> Result<Server, UrlError> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(UrlError::Scheme)?;
        let (tls, cluster) = match scheme {
            "redis" => (false, false),
            "rediss" => (true, false),
            "redis+cluster" => (false, true),
            "rediss+cluster" => (true, true),
            _ => return Err(UrlError::Scheme),
        };
        // The last `@`, because people forget to encode those in passwords.
        let (credentials, place) = match rest.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials), place),
            None => (None, rest),
        };
        let (user, password) = credentials.map_or(Ok((None, None)), parse_credentials)?;
        let (nodes, database) = match place.split_once('/') {
            Some((nodes, database)) => (nodes, database),
            None => (place, ""),
        };
        let nodes = nodes.split(',').enumerate();
        let nodes: Vec<Node> =
            nodes.map(|(at, text)| parse_node(at + 1, text)).collect::<Result<_, _>>()?;
        if nodes.len() > 1 && !cluster {
            return Err(UrlError::SeveralNodes);
        }
        if cluster && !database.is_empty() {
            return Err(UrlError::DatabaseOfCluster);
        }
        let database = match database {
            "" => 0,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| UrlError::Database)?
            }
            _ => return Err(UrlError::Database),
        };
        Ok(Server { cluster, tls, nodes, user, password, database, ca: None })
    }

    /// The password from elsewhere, such as a mounted file; it replaces one in the address.
    pub fn with_password(self, password: String) -> Server {
        Server { password: Some(password), ..self }
    }

    /// Certificates in PEM of the authorities to trust, instead of the operating system's.
    pub fn with_ca(self, pem: Vec<u8>) -> Server {
        Server { ca: Some(pem), ..self }
    }

    pub fn is_cluster(&self) -> bool {
        self.cluster
    }

    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The server, or the nodes of a cluster that are asked for all others; never empty.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    pub(super) fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    pub(super) fn database(&self) -> u16 {
        self.database
    }

    pub(super) fn ca(&self) -> Option<&[u8]> {
        self.ca.as_deref()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redis{}", if self.tls { "s" } else { "" })?;
        write!(f, "{}://", if self.cluster { "+cluster" } else { "" })?;
        match (&self.user, &self.password) {
            (None, None) => {}
            (user, None) => write!(f, "{}@", user.as_deref().unwrap_or_default())?,
            (user, Some(_)) => write!(f, "{}:***@", user.as_deref().unwrap_or_default())?,
        }
        for (at, node) in self.nodes.iter().enumerate() {
            write!(f, "{}{node}", if at == 0 { "" } else { "," })?;
        }
        if self.database != 0 { write!(f, "/{}", self.database) } else { Ok(()) }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

type Credentials = (Option<String>, Option<String>);

fn parse_credentials(text: &str) -> Result<Credentials, UrlError> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    let user = if user.is_empty() { None } else { Some(decode(user)?) };
    let password = password.filter(|password| !password.is_empty()).map(decode).transpose()?;
    Ok((user, password))
}

fn parse_node(number: usize, text: &str) -> Result<Node, UrlError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(UrlError::Host(number))?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| UrlError::Host(number))?;
        match port.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if port.is_empty() => (host, None),
            None => return Err(UrlError::Port(number)),
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let in_name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if host.is_empty() || !host.chars().all(in_name) {
        return Err(UrlError::Host(number));
    }
    let port = match port {
        None => DEFAULT_PORT,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port(number))?
        }
        Some(_) => return Err(UrlError::Port(number)),
    };
    Ok(Node { host: host.to_string(), port })
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let [high, low, after @ ..] = rest else { return Err(UrlError::Encoding) };
        let digit = |byte: &u8| char::from(*byte).to_digit(16).ok_or(UrlError::Encoding);
        let value = digit(high)? * 16 + digit(low)?;
        bytes.push(u8::try_from(value).map_err(|_| UrlError::Encoding)?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| UrlError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood() {
        let rows = [
            ("redis://localhost", "redis://localhost:6379"),
            ("redis://localhost/", "redis://localhost:6379"),
            (" redis://10.0.0.1:6380/3\n", "redis://10.0.0.1:6380/3"),
            ("rediss://cache.example.com:1", "rediss://cache.example.com:1"),
            ("redis://[::1]:7000", "redis://[::1]:7000"),
            ("redis://[::1]", "redis://[::1]:6379"),
            ("redis://surety@h", "redis://surety@h:6379"),
            ("redis://:p%40ss@h", "redis://:***@h:6379"),
            ("redis://surety:p@ss@h", "redis://surety:***@h:6379"),
            ("redis+cluster://a,b:7001,c:7002", "redis+cluster://a:6379,b:7001,c:7002"),
            ("rediss+cluster://u:p@a:1,b:2", "rediss+cluster://u:***@a:1,b:2"),
        ];
        for (text, printed) in rows {
            let server = Server::parse(text).unwrap();
            assert_eq!(server.to_string(), printed, "{text}");
            assert_eq!(format!("{server:?}"), printed, "{text}");
            assert_eq!(server.is_cluster(), text.contains("cluster"), "{text}");
            assert_eq!(server.is_tls(), text.trim().starts_with("rediss"), "{text}");
        }
    }

    #[test]
    fn user_and_password_are_decoded() {
        let server = Server::parse("redis://us%2Fer:%C3%A4%3a%25@h:1/15").unwrap();
        assert_eq!(server.user(), Some("us/er"));
        assert_eq!(server.password(), Some("ä:%"));
        assert_eq!(server.database(), 15);
        let server = server.with_password("other".into()).with_ca(b"pem".to_vec());
        assert_eq!(server.password(), Some("other"));
        assert_eq!(server.ca(), Some(&b"pem"[..]));
        assert_eq!(server.to_string(), "redis://us/er:***@h:1/15");
    }

    #[test]
    fn faults_are_named_and_never_repeat_the_text() {
        let rows = [
            ("localhost:6379", UrlError::Scheme),
            ("http://tops3cret@h", UrlError::Scheme),
            ("redis://:tops3cret%4@h", UrlError::Encoding),
            ("redis://:tops3cret%zz@h", UrlError::Encoding),
            ("redis://:tops3cret%ff@h", UrlError::Encoding),
            ("redis://", UrlError::Host(1)),
            ("redis://tops3cret@", UrlError::Host(1)),
            ("redis://ho st", UrlError::Host(1)),
            ("redis://[tops3cret]", UrlError::Host(1)),
            ("redis://h?password=tops3cret", UrlError::Host(1)),
            ("redis+cluster://a,,c", UrlError::Host(2)),
            ("redis://:tops3cret", UrlError::Host(1)),
            ("redis://user:tops3cret", UrlError::Port(1)),
            ("redis://h:0", UrlError::Port(1)),
            ("redis://h:65536", UrlError::Port(1)),
            ("redis://h:", UrlError::Port(1)),
            ("redis+cluster://a,b:+1", UrlError::Port(2)),
            ("redis://a,b", UrlError::SeveralNodes),
            ("redis://h/tops3cret", UrlError::Database),
            ("redis://h/65536", UrlError::Database),
            ("redis+cluster://a/0", UrlError::DatabaseOfCluster),
        ];
        for (text, fault) in rows {
            assert_eq!(Server::parse(text), Err(fault), "{text}");
            let told = format!("{fault} {fault:?}");
            assert!(!told.contains("tops3cret"), "{told}");
            assert!(told.contains("must") || told.contains("expected"), "{told}");
        }
    }
}
