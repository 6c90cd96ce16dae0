//! What is written beside the service: callers, of whom none is ever lost, and the filling.

use super::*;

fn caller(name: &str, token: Option<u8>, certificate: Option<&str>) -> KnownCaller {
    KnownCaller {
        name: name.to_owned(),
        roles: vec![Role::Checkout, Role::Agent],
        merchants: Merchants::Any,
        token_hash: token.map(|byte| [byte; 32]),
        certificate: certificate.map(str::to_owned),
        created: NOW,
        revoked: None,
    }
}

#[tokio::test]
async fn a_caller_is_read_as_it_was_added() {
    let book = book().await;
    assert_eq!(book.ledger.callers_mark().await.unwrap(), CallersMark::default());
    let merchants = ["m-1", "m:2"].map(|id| MerchantId::parse(id).unwrap()).to_vec();
    let bound = KnownCaller {
        roles: vec![Role::Checkout],
        merchants: Merchants::Only(merchants),
        ..caller("shop", Some(1), None)
    };
    let known = caller("console", None, Some("console.example"));
    for one in [&bound, &known] {
        assert!(book.place.add_caller(one).await.unwrap());
    }
    let stored = [bound, known].map(Ok);
    assert_eq!(book.ledger.callers().await.unwrap(), stored);
    assert_eq!(book.place.callers().await.unwrap(), stored);
    let mark = book.ledger.callers_mark().await.unwrap();
    assert_eq!(mark, CallersMark { added: 2, ..CallersMark::default() });
}

fn garble(connection: &mut Connection) -> write::Pending<'_, ()> {
    Box::pin(connection.run("UPDATE callers SET roles = 'cashier' WHERE name = 'garbled'"))
}

#[tokio::test]
async fn one_that_cannot_be_read_hides_no_other() {
    let book = book().await;
    for one in [caller("garbled", Some(1), None), caller("shop", Some(2), None)] {
        assert!(book.place.add_caller(&one).await.unwrap());
    }
    book.ledger.write(garble).await.unwrap();
    let callers = book.ledger.callers().await.unwrap();
    let [Err(Error::Corrupt(garbled)), Ok(shop)] = callers.as_slice() else {
        panic!("{callers:?}")
    };
    assert!(garbled.contains("garbled"), "{garbled}");
    assert_eq!(shop.name, "shop");
}

#[tokio::test]
async fn a_filling_is_replaced_by_whoever_knows_it() {
    let book = book().await;
    let remember = async |before, filling| book.place.remember_filling(before, filling).await;
    assert_eq!(remember("", "first").await, Ok(true));
    // Two rebuilds begun on the same: one of them is too late.
    assert_eq!(remember("first", "second").await, Ok(true));
    assert_eq!(remember("first", "third").await, Ok(false));
    assert_eq!(remember("", "third").await, Ok(false));
    assert_eq!(book.ledger.filling().await.unwrap().as_deref(), Some("second"));
}

#[tokio::test]
async fn a_name_a_certificate_and_a_token_are_one_callers_until_it_is_revoked() {
    let book = book().await;
    let add = async |one: KnownCaller| book.place.add_caller(&one).await.unwrap();
    assert!(add(caller("shop", Some(1), Some("shop.example"))).await);
    assert!(!add(caller("shop", Some(2), None)).await);
    assert!(!add(caller("other", Some(2), Some("shop.example"))).await);
    assert!(!add(caller("other", Some(1), None)).await);
    assert!(add(caller("other", Some(3), None)).await);
    let later = NOW + Span::minutes(5);
    assert!(book.place.revoke_caller("shop", later).await.unwrap());
    assert!(!book.place.revoke_caller("shop", later + Span::minutes(1)).await.unwrap());
    assert!(!book.place.revoke_caller("nobody", later).await.unwrap());
    // A token is never anybody's again; the name may be.
    assert!(!add(caller("shop", Some(1), None)).await);
    assert!(add(caller("shop", Some(4), Some("shop.example"))).await);
    let callers: Vec<_> = book.ledger.callers().await.unwrap();
    let callers = callers.iter().flatten();
    let ends: Vec<_> = callers.map(|one| (one.name.as_str(), one.revoked)).collect();
    assert_eq!(ends, [("shop", Some(later)), ("other", None), ("shop", None)]);
    let mark = book.ledger.callers_mark().await.unwrap();
    assert_eq!(mark, CallersMark { added: 3, revoked: 1, ends: later.as_seconds() });
}

#[tokio::test]
async fn an_end_to_come_makes_room_for_another_token_and_may_come_sooner() {
    let book = book().await;
    let add = async |token| book.place.add_caller(&caller("shop", Some(token), None)).await;
    assert_eq!(add(1).await, Ok(true));
    let (soon, later) = (NOW + Span::minutes(5), NOW + Span::hours(24));
    assert!(book.place.revoke_caller("shop", later).await.unwrap());
    assert_eq!(add(2).await, Ok(true));
    let before = book.ledger.callers_mark().await.unwrap();
    assert!(book.place.revoke_caller("shop", soon).await.unwrap());
    // Services see that something has changed, though as many are revoked as before.
    assert_ne!(book.ledger.callers_mark().await.unwrap(), before);
    let callers = book.ledger.callers().await.unwrap();
    for caller in callers.iter().flatten() {
        assert!(!caller.is_revoked(NOW) && caller.is_revoked(soon), "{caller:?}");
    }
    assert_eq!(callers.len(), 2);
}
