//! Callers are added and revoked beside the service, and none of them is ever lost.

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
    assert_eq!(book.ledger.callers().await.unwrap(), [bound.clone(), known.clone()]);
    assert_eq!(book.place.callers().await.unwrap(), [bound, known]);
    let mark = book.ledger.callers_mark().await.unwrap();
    assert_eq!(mark, CallersMark { added: 2, revoked: 0 });
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
    let ends: Vec<_> = book.ledger.callers().await.unwrap();
    let ends: Vec<_> = ends.iter().map(|one| (one.name.as_str(), one.revoked)).collect();
    assert_eq!(ends, [("shop", Some(later)), ("other", None), ("shop", None)]);
    let mark = book.ledger.callers_mark().await.unwrap();
    assert_eq!(mark, CallersMark { added: 3, revoked: 1 });
}
