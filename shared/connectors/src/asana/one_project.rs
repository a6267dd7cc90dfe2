//! A project by its gid, archived or not.

use secrecy::SecretString;

use super::{Asana, Project, read, wire};
use crate::ConnectorError;

impl Asana {
    /// The project with this gid, or nothing.
    pub async fn fetch_project(
        &self,
        token: &SecretString,
        gid: &str,
    ) -> Result<Option<Project>, ConnectorError> {
        let request =
            self.http.get(self.api_url.join(&["projects", gid])).query(&[("opt_fields", "notes,workspace")]);
        let found: Option<wire::Project> = read(request, token).await?;
        Ok(found.map(Project::from))
    }
}
