//! Brings a database to the newest schema. Run by an operator before the new code, never by a function.

use anyhow::{Context, Result, bail};
use postgres_protocol::password::scram_sha_256;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio_postgres::{Client, types::Type};

use crate::Store;

/// Every migration, in order: name and text.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_roles", include_str!("../../../migrations/0001_roles.sql")),
    ("0002_tenants", include_str!("../../../migrations/0002_tenants.sql")),
    ("0003_connections", include_str!("../../../migrations/0003_connections.sql")),
    ("0004_deliveries", include_str!("../../../migrations/0004_deliveries.sql")),
    ("0005_pipeline_jobs", include_str!("../../../migrations/0005_pipeline_jobs.sql")),
    ("0006_steps", include_str!("../../../migrations/0006_steps.sql")),
    ("0007_row_level_security", include_str!("../../../migrations/0007_row_level_security.sql")),
    ("0008_triggers", include_str!("../../../migrations/0008_triggers.sql")),
    ("0009_scheduler", include_str!("../../../migrations/0009_scheduler.sql")),
    ("0010_polls_and_privacy", include_str!("../../../migrations/0010_polls_and_privacy.sql")),
    ("0011_trading_sweep_results", include_str!("../../../migrations/0011_trading_sweep_results.sql")),
    ("0012_engine", include_str!("../../../migrations/0012_engine.sql")),
    ("0013_token_sets", include_str!("../../../migrations/0013_token_sets.sql")),
    ("0014_dashboard", include_str!("../../../migrations/0014_dashboard.sql")),
    ("0015_admin", include_str!("../../../migrations/0015_admin.sql")),
    ("0016_job_lag", include_str!("../../../migrations/0016_job_lag.sql")),
    ("0017_file_delivery", include_str!("../../../migrations/0017_file_delivery.sql")),
    ("0018_engine", include_str!("../../../migrations/0018_engine.sql")),
    ("0019_fewer_index_entries", include_str!("../../../migrations/0019_fewer_index_entries.sql")),
];

/// Differs for two versions of this program that make different schemas.
pub fn schema_digest() -> String {
    checksum(&MIGRATIONS.iter().map(|(_, sql)| *sql).collect::<String>())
}

/// Any number that nobody else takes as a lock here: "zixly" in ASCII.
const LOCK: i64 = 0x7a_69_78_6c_79;

/// A function's database role and the password that it shall have.
pub struct RolePassword {
    /// `zixly_webhook`, `zixly_worker`, `zixly_scheduler`, `zixly_dashboard`, `zixly_admin`.
    pub role: &'static str,
    /// Known to Secrets Manager and to the function.
    pub password: SecretString,
}

/// Applies what is missing, each migration in its own transaction, and sets the given passwords. Returns the names
/// of what was applied. A second run at the same time waits for the first.
///
/// Fails when a migration that was applied has been edited since, or when the database is newer than this program.
pub async fn migrate(store: &Store, passwords: &[RolePassword]) -> Result<Vec<&'static str>> {
    let mut session = store.session().await.context("cannot connect to the database")?;
    let client = session.client();
    client.query_typed("select pg_advisory_lock($1)", &[(&LOCK, Type::INT8)]).await?;
    let applied = apply_missing(client).await;
    client.query_typed("select pg_advisory_unlock($1)", &[(&LOCK, Type::INT8)]).await?;
    for password in passwords {
        set_password(client, password).await?;
    }
    applied
}

async fn apply_missing(client: &mut Client) -> Result<Vec<&'static str>> {
    client
        .batch_execute(
            "create table if not exists schema_migrations (
                 name text primary key, checksum text not null, applied_at timestamptz not null default now())",
        )
        .await?;
    let rows = client.query_typed("select name, checksum from schema_migrations order by name", &[]).await?;
    let known: Vec<(String, String)> =
        rows.iter().map(|row| (row.get("name"), row.get("checksum"))).collect();
    if let Some((newer, _)) =
        known.iter().find(|(name, _)| !MIGRATIONS.iter().any(|(known, _)| known == name))
    {
        bail!(
            "the database has migration {newer}, which this version does not know: deploy the newer version"
        );
    }

    let mut applied = Vec::new();
    for (name, sql) in MIGRATIONS {
        let checksum = checksum(sql);
        match known.iter().find(|(known, _)| known == name) {
            Some((_, before)) if *before == checksum => continue,
            Some(_) => bail!("migration {name} was edited after it was applied: add a new migration instead"),
            None => apply(client, name, sql, &checksum)
                .await
                .with_context(|| format!("migration {name} failed"))?,
        }
        applied.push(*name);
    }
    Ok(applied)
}

async fn apply(client: &mut Client, name: &str, sql: &str, checksum: &str) -> Result<()> {
    let tx = client.transaction().await?;
    tx.batch_execute(sql).await?;
    tx.execute_typed(
        "insert into schema_migrations (name, checksum) values ($1, $2)",
        &[(&name, Type::TEXT), (&checksum, Type::TEXT)],
    )
    .await?;
    Ok(tx.commit().await?)
}

/// The server gets a verifier, so no password can stand in its log.
async fn set_password(client: &Client, RolePassword { role, password }: &RolePassword) -> Result<()> {
    let verifier = scram_sha_256(password.expose_secret().as_bytes());
    let statement = format!("alter role {role} password '{verifier}'");
    client.batch_execute(&statement).await.with_context(|| format!("cannot set the password of {role}"))
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_in_the_folder_is_run_in_the_order_of_its_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".sql").map(str::to_owned))
            .collect();
        files.sort();
        let listed: Vec<&str> = MIGRATIONS.iter().map(|(name, _)| *name).collect();
        assert_eq!(files, listed);
    }
}
