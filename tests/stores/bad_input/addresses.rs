//! Texts that are no address of a store.

use proptest::prelude::*;
use surety::signals::redis::Server;

#[test]
fn wrong_addresses_are_refused_and_never_repeated() {
    for wrong in [
        "",
        "localhost:6379",
        "http://localhost",
        "redis:/localhost",
        "redis://",
        "redis://:hunter2@",
        "redis://host:0",
        "redis://host:65536",
        "redis://host:hunter2",
        "redis://user:hunter2%zz@host",
        "redis://user:hunter2%ff@host",
        "redis://one,two",
        "redis://host/-1",
        "redis://host/65536",
        "redis://host/hunter2",
        "redis+cluster://host/1",
        "redis+cluster://one,,two",
        "redis://[::1",
        "redis://[hunter2]:1",
        "redis://ho st",
    ] {
        let error = Server::parse(wrong).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{wrong}: {error}");
    }
}

proptest! {
    #[test]
    fn no_address_tells_its_password(scheme in "redis(s|)(\\+cluster|)", rest in "[ -~]{0,40}") {
        let text = format!("{scheme}://user:hunter2{rest}@host{rest}");
        let told = match Server::parse(&text) {
            Ok(server) => format!("{server} {server:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!told.contains("hunter2"), "{}", told);
    }

    #[test]
    fn no_text_is_too_strange_to_be_refused(text in any::<String>()) {
        prop_assert!(Server::parse(&text).is_err());
    }
}
