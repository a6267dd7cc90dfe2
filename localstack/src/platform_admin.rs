//! `zixly platform-admin`: the first person of a new installation, who makes the tenants; everybody else is invited in
//! the pages.

use std::process::ExitCode;

use anyhow::ensure;
use uuid::Uuid;
use zixly_domain::{Role, TenantId, UserId};
use zixly_store::{tenants, users};

use crate::operator::Installation;
use crate::progress::answer;

/// The arguments of `zixly platform-admin`.
#[derive(clap::Args)]
pub struct PlatformAdmin {
    /// The person's id, as Supabase Auth shows it
    user_id: Uuid,
    /// The person's e-mail address
    #[arg(long)]
    email: String,
    /// Name of the tenant that somebody new belongs to: your own, not a customer's
    #[arg(long, default_value = "Operations")]
    tenant: String,
}

impl PlatformAdmin {
    /// Makes the person a platform admin; somebody new gets a tenant, somebody known stays in his.
    pub async fn run(&self, installation: &Installation) -> anyhow::Result<ExitCode> {
        ensure!(self.email.contains('@'), "{} is no e-mail address", self.email);
        let user_id = UserId(self.user_id);
        let store = installation.store()?;
        let mut session = store.session().await?;
        let known = users::find(&mut session, user_id).await?;
        let tenant_id = known.map_or_else(TenantId::new, |(tenant_id, _)| tenant_id);
        let tx = session.begin(tenant_id)?;
        if known.is_none() {
            tenants::insert(&tx, tenant_id, &self.tenant).await?;
            users::insert(&tx, tenant_id, user_id, &self.email, Role::Admin).await?;
        }
        users::make_platform_admin(&tx, user_id).await?;
        tx.commit().await?;
        answer(&match known {
            Some(_) => format!("{} is a platform admin now, of the same tenant as before.", self.email),
            None => format!("{} is a platform admin now, of the new tenant {}.", self.email, self.tenant),
        });
        Ok(ExitCode::SUCCESS)
    }
}
