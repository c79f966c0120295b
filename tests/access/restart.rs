//! What a restart leaves as it was: who is signed in, which tokens are good, and which are not.

use espalier::domain::access::Role;
use espalier::domain::event::Kind;

use crate::client::{PASSWORD, Server};

#[tokio::test]
async fn sessions_and_tokens_survive_a_restart_and_what_was_revoked_stays_so() {
    let server = Server::with(&[("anna", Role::Administrator), ("vera", Role::Viewer)]).await;
    let mut kept = server.browser();
    kept.signs_in("anna", PASSWORD).await.goes_to("/");
    let ended = server.signed_in("anna").await;
    let mut leaves = ended.clone();
    leaves.post("/logout", &[]).await.goes_to("/login");
    let vera = server.signed_in("vera").await;
    let (good, revoked) = (server.token("read").await, server.token("read").await);
    let tokens = server.app.accounts().store().tokens().await.unwrap();
    let second = tokens.iter().max_by_key(|token| token.id).unwrap().id;
    kept.post(&format!("/settings/tokens/{second}/revoke"), &[]).await.is(303);

    let server = server.restarted().await;
    let mut kept = kept.to(&server);
    kept.get("/account").await.is(200);
    // Its forms are good as well.
    kept.post("/platforms", &[("name", "chase"), ("description", ""), ("admission", "approved")])
        .await
        .is(303);
    assert_eq!(server.audit(Kind::PlatformCreated).await[0].actor.name(), "anna");
    ended.to(&server).get("/account").await.is(303);
    let mut vera = vera.to(&server);
    vera.get("/devices").await.is(200);
    vera.get("/settings/users").await.is(403);
    server.ask(&good, "GET", "/api/v1/platforms", "").await.is(200);
    server.ask(&revoked, "GET", "/api/v1/platforms", "").await.is(401);
    // Her browser is still known: strangers do not hold it up.
    kept.post("/logout", &[]).await.goes_to("/login");
    kept.signs_in("anna", PASSWORD).await.goes_to("/");
}
