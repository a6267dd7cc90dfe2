//! Who may call.

use jiff::{SignedDuration, Timestamp};
use lambda_http::http::StatusCode;
use zixly_auth::ApiKey;
use zixly_domain::{JobStatus, Role, UserId};
use zixly_testkit::Role as DatabaseRole;

use crate::{
    contract::assert_problem,
    scene::{Door, ISSUER, JWT_SECRET, json_of, secret_at, token, xero_invoices},
    triggers::sweep,
};

#[tokio::test]
async fn an_editor_may_steer_and_a_viewer_may_read() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    for role in [Role::Admin, Role::Editor, Role::Viewer] {
        let user = door.user(tenant_id, role).await;
        let (live, failed) = (
            door.job_that_is(tenant_id, JobStatus::Queued).await,
            door.job_that_is(tenant_id, JobStatus::Failed).await,
        );
        door.sql("delete from deliveries").await;
        door.post_signed(&xero_invoices(&[("org", "inv")])).await;
        let delivery = door.database.text("select delivery_id::text from deliveries").await;

        assert_eq!(door.get(&format!("/webhook/jobs/{live}"), Some(&user)).await.status(), StatusCode::OK);
        let answers = [
            door.call("/webhook/trading-sweep", &user, &sweep()).await,
            door.call(
                "/webhook/generic-job",
                &user,
                &serde_json::json!({ "job_type": "trading-sweep", "parameters": sweep() }),
            )
            .await,
            door.steer(&format!("/webhook/jobs/{live}/cancel"), &user).await,
            door.steer(&format!("/webhook/jobs/{failed}/retry"), &user).await,
            door.steer(&format!("/webhook/deliveries/{delivery}/replay"), &user).await,
        ];
        for answer in &answers {
            if role.may_steer() {
                assert_eq!(answer.status(), StatusCode::ACCEPTED, "{role}");
            } else {
                assert_problem(answer, StatusCode::FORBIDDEN);
                let detail =
                    "Your role is VIEWER; this needs EDITOR or ADMIN. An ADMIN of your tenant can change it.";
                assert_eq!(json_of(answer)["detail"], detail);
            }
        }
    }
    let by_users = "select count(distinct triggered_by) from pipeline_jobs where triggered_by like 'user/%'";
    assert_eq!(door.database.count(by_users).await, 2);
}

#[tokio::test]
async fn a_user_of_another_tenant_sees_nothing() {
    let door = Door::new().await;
    let (tenant_id, other) = (door.tenant("org").await, door.tenant("org-2").await);
    let stranger = door.user(other, Role::Admin).await;
    let job_id = door.job_that_is(tenant_id, JobStatus::Queued).await;
    assert_problem(
        &door.get(&format!("/webhook/jobs/{job_id}"), Some(&stranger)).await,
        StatusCode::NOT_FOUND,
    );
    assert_problem(
        &door.steer(&format!("/webhook/jobs/{job_id}/cancel"), &stranger).await,
        StatusCode::NOT_FOUND,
    );
}

#[tokio::test]
async fn who_shows_no_good_credential_is_told_what_is_missing() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let path = format!("/webhook/jobs/{}", door.job_that_is(tenant_id, JobStatus::Queued).await);
    let revoked = door.api_key(tenant_id).await;
    door.sql("update api_keys set revoked_at = now()").await;
    let unknown_key = format!("Bearer {}", ApiKey::generate().expose());
    let soon = Timestamp::now() + SignedDuration::from_mins(5);
    let good = door.user(tenant_id, Role::Editor).await;
    let expired = token(UserId::new(), Timestamp::now() - SignedDuration::from_hours(1));
    let of_nobody = token(UserId::new(), soon);
    let forged = format!("{}A", good.trim_end_matches(|last: char| last.is_ascii_alphanumeric()));
    let wanted = "This needs an API key of your tenant, or the token of a signed-in user, as the header \
                  Authorization: Bearer ….";
    let gone = "This API key is unknown or was revoked.";
    for (authorization, detail) in [
        (None, wanted),
        (Some(""), wanted),
        (Some("Bearer"), wanted),
        (Some("Bearer "), wanted),
        (Some("Basic dXNlcjpwdw=="), wanted),
        (Some("Bearer zixly_short"), wanted),
        (Some(forged.as_str()), wanted),
        (Some(&unknown_key), gone),
        (Some(&revoked), gone),
        (Some(&expired), "The session has ended. Sign in again."),
        (Some(&of_nobody), "This user belongs to no tenant. An ADMIN of the tenant has to invite him."),
    ] {
        let answer = door.get(&path, authorization).await;
        assert_problem(&answer, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        assert_eq!(json_of(&answer)["detail"], detail, "{authorization:?}");
    }
    assert_eq!(door.get(&path, Some(&good)).await.status(), StatusCode::OK);
    assert_eq!(door.get(&path, Some(&good.replace("Bearer", "bearer"))).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn without_an_issuer_or_a_key_no_token_is_good() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let user = door.user(tenant_id, Role::Admin).await;
    let path = format!("/webhook/jobs/{}", door.job_that_is(tenant_id, JobStatus::Queued).await);
    assert_eq!(door.get(&path, Some(&user)).await.status(), StatusCode::OK);
    let door = door.with_setting("AUTH_ISSUER", "");
    assert_problem(&door.get(&path, Some(&user)).await, StatusCode::UNAUTHORIZED);
    let door = door.with_setting("AUTH_ISSUER", "https://another.example.com/auth/v1");
    assert_problem(&door.get(&path, Some(&user)).await, StatusCode::UNAUTHORIZED);

    let mut secret = secret_at(&door.database.url(DatabaseRole::Webhook));
    secret["auth_jwt_secret"] = "".into();
    let door = door.with_setting("AUTH_ISSUER", ISSUER).with_secret(secret).await;
    assert_problem(&door.get(&path, Some(&user)).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn while_postgres_is_down_nobody_is_refused_for_good() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let (key, user) = (door.api_key(tenant_id).await, door.user(tenant_id, Role::Editor).await);
    let door = door.without_postgres().await;
    for authorization in [key, user] {
        let path = "/webhook/jobs/01930000-0000-7000-8000-000000000000";
        let answer = door.get(path, Some(&authorization)).await;
        assert_problem(&answer, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], "5");
        assert!(!String::from_utf8_lossy(answer.body()).contains(JWT_SECRET));
    }
}
