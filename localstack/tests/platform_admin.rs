//! `zixly platform-admin` on a database that has nobody yet.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::process::{Command, Output};

use zixly_testkit::TestDatabase;

const PERSON: &str = "01900000-0000-7000-8000-0000000000aa";

#[tokio::test]
async fn the_first_person_makes_himself_platform_admin_and_twice_is_once() {
    let database = TestDatabase::create().await;
    for words in ["of the new tenant Operations", "of the same tenant as before"] {
        let output = platform_admin(&database, PERSON, "owner@example.com");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && told.contains(words), "{told} {output:?}");
    }
    let found = database
        .text(
            "select string_agg(concat_ws(' ', name, email, role, is_platform_admin), ',')
               from users join tenants using (tenant_id)",
        )
        .await;
    assert_eq!(found, "Operations owner@example.com ADMIN t");
}

#[tokio::test]
async fn a_mistake_is_told_and_makes_nothing() {
    let database = TestDatabase::create().await;
    for (id, email, words) in [
        ("owner", "owner@example.com", "invalid value 'owner'"),
        (PERSON, "owner", "owner is no e-mail address"),
    ] {
        let output = platform_admin(&database, id, email);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(words), "{told}");
    }
    assert_eq!(database.count("select count(*) from tenants").await, 0);
}

fn platform_admin(database: &TestDatabase, id: &str, email: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zixly"));
    command.args(["--from-environment", "platform-admin", id, "--email", email]);
    command.env("DATABASE_URL", database.owner_url()).output().unwrap()
}
