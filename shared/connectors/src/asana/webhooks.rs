//! Webhooks: what Asana is asked to tell us of. They belong to the user who has authorised us.

use secrecy::SecretString;

use super::{Asana, Page, list, send, wire};
use crate::ConnectorError;
use zixly_domain::Provider;

/// A webhook as Asana keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Asana's id for it.
    pub gid: String,
    /// What it tells of.
    pub resource_gid: String,
    /// Where it delivers to.
    pub target: String,
    /// False when it is switched off, or has failed for so long that Asana has set a time to delete it.
    pub is_delivered_to: bool,
}

impl Asana {
    /// A page of the app's webhooks in a workspace.
    pub async fn list_webhooks(
        &self,
        token: &SecretString,
        workspace_gid: &str,
        offset: Option<&str>,
    ) -> Result<Page<Webhook>, ConnectorError> {
        let request = self.http.get(self.api_url.join(&["webhooks"])).query(&[
            ("workspace", workspace_gid),
            ("opt_fields", "active,resource,target,failure_deletion_timestamp"),
        ]);
        let page: wire::Page<wire::Webhook> = list(request, token, offset).await?;
        Ok(page.into())
    }

    /// Asks to be told at `target` when a task of the project is completed or opened again, and gives the webhook's gid.
    /// Before it answers, Asana shakes hands with `target`. The same project with the same target again is rejected.
    pub async fn create_webhook(
        &self,
        token: &SecretString,
        project_gid: &str,
        target: &str,
    ) -> Result<String, ConnectorError> {
        let completed = wire::Filter { resource_type: "task", action: "changed", fields: ["completed"] };
        let body =
            wire::Data { data: wire::NewWebhook { resource: project_gid, target, filters: [completed] } };
        let request = self.http.post(self.api_url.join(&["webhooks"])).json(&body);
        // The answer repeats the secret of the handshake, which is kept where that came to.
        let made: wire::Data<wire::Made> = send(request, token).await?.parse(Provider::Asana)?;
        Ok(made.data.gid)
    }

    /// Ends a webhook; one that is gone already is as good.
    pub async fn delete_webhook(&self, token: &SecretString, gid: &str) -> Result<(), ConnectorError> {
        match send(self.http.delete(self.api_url.join(&["webhooks", gid])), token).await {
            Ok(_) | Err(ConnectorError::Rejected { status: 404, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
