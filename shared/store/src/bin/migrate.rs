//! Brings the database at `DATABASE_URL` to the newest schema, and sets the functions' passwords where
//! `WEBHOOK_ROLE_PASSWORD`, `WORKER_ROLE_PASSWORD` or `SCHEDULER_ROLE_PASSWORD` is given. `DATABASE_CA_CERTIFICATE`
//! (PEM) is trusted besides the public authorities.

use anyhow::{Context, Result};
use secrecy::SecretString;
use zixly_store::{
    Store,
    migrations::{RolePassword, migrate},
};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "it tells the operator what it did")]
async fn main() -> Result<()> {
    let url =
        environment("DATABASE_URL").context("DATABASE_URL is not set: whose schema shall be migrated?")?;
    let store = Store::new(&url.into(), environment("DATABASE_CA_CERTIFICATE").as_deref())?;
    let roles = [
        ("zixly_webhook", "WEBHOOK_ROLE_PASSWORD"),
        ("zixly_worker", "WORKER_ROLE_PASSWORD"),
        ("zixly_scheduler", "SCHEDULER_ROLE_PASSWORD"),
        ("zixly_dashboard", "DASHBOARD_ROLE_PASSWORD"),
        ("zixly_admin", "ADMIN_ROLE_PASSWORD"),
    ];
    let passwords: Vec<_> = roles
        .into_iter()
        .filter_map(|(role, name)| {
            Some(RolePassword { role, password: SecretString::from(environment(name)?) })
        })
        .collect();

    let applied = migrate(&store, &passwords).await?;
    for name in &applied {
        println!("applied {name}");
    }
    if applied.is_empty() {
        println!("nothing to apply");
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "an operator's command takes its settings from the environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
