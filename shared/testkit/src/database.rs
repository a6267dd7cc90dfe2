//! A real PostgreSQL database for each test, copied from a migrated template.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use secrecy::SecretString;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, config::Host};
use uuid::Uuid;
use zixly_domain::{ConnectionId, Provider, TenantId, TokenSetId, Workflow};
use zixly_store::{
    Store,
    connections::{self, NewConnection},
    migrations::{migrate, schema_digest},
    tenants, token_sets, workflow_settings,
};

use crate::settings;

/// Any number that nobody else takes as a lock in the maintenance database.
const TEMPLATE_LOCK: i64 = 7_104_872;

/// A function's database role.
#[derive(Debug, Clone, Copy)]
pub enum Role {
    /// The webhook function's.
    Webhook,
    /// The worker function's.
    Worker,
    /// The scheduler function's.
    Scheduler,
    /// The dashboard function's, which reads.
    Dashboard,
    /// The admin function's.
    Admin,
}

/// A database of one test's own.
pub struct TestDatabase {
    name: String,
    server: Config,
}

impl TestDatabase {
    /// A database with the newest schema and nothing in it, on the main test server.
    pub async fn create() -> Self {
        Self::create_on(&settings::required("TEST_DATABASE_URL")).await
    }

    /// As [`Self::create`], on each server that the tests were given, oldest version first.
    pub async fn create_on_every_server() -> Vec<Self> {
        let urls = settings::required("TEST_DATABASE_URLS");
        let mut databases = Vec::new();
        for url in urls.split(',') {
            databases.push(Self::create_on(url).await);
        }
        databases
    }

    /// As [`Self::create`], on the server at `url`, to be reached past the pooler.
    pub async fn create_on(url: &str) -> Self {
        let server: Config = url.parse().expect("the test server's URL is one");
        let maintenance = connect(&server, "postgres").await;
        let template = format!("zixly_template_{}", &schema_digest()[..16]);
        maintenance.batch_execute(&format!("select pg_advisory_lock({TEMPLATE_LOCK})")).await.unwrap();
        let exists = maintenance
            .query_typed(&format!("select from pg_database where datname = '{template}'"), &[])
            .await
            .unwrap();
        if exists.is_empty() {
            let unfinished = format!("{template}_unfinished");
            maintenance.batch_execute(&format!("drop database if exists {unfinished}")).await.unwrap();
            maintenance.batch_execute(&format!("create database {unfinished}")).await.unwrap();
            migrate(&store_at(&server, &unfinished), &[]).await.expect("the schema is made");
            let rename = format!("alter database {unfinished} rename to {template}");
            maintenance.batch_execute(&rename).await.unwrap();
        }
        let name = format!("test_{}", Uuid::now_v7().simple());
        maintenance.batch_execute(&format!("create database {name} template {template}")).await.unwrap();
        maintenance.batch_execute(&format!("select pg_advisory_unlock({TEMPLATE_LOCK})")).await.unwrap();
        Self { name, server }
    }

    /// A store as a function has it: under its own role, and through the pooler where there is one.
    pub fn store(&self, role: Role) -> Store {
        Store::new(&SecretString::from(self.url(role)), None).expect("the test server's URL is one")
    }

    /// The address for [`Self::store`], to be put into a function's secret.
    pub fn url(&self, role: Role) -> String {
        let role = match role {
            Role::Webhook => "zixly_webhook",
            Role::Worker => "zixly_worker",
            Role::Scheduler => "zixly_scheduler",
            Role::Dashboard => "zixly_dashboard",
            Role::Admin => "zixly_admin",
        };
        let address = settings::optional("TEST_POOLER_ADDR").filter(|_| self.is_main_server());
        let address = address.unwrap_or_else(|| address_of(&self.server));
        format!("postgres://{role}@{address}/{}", self.name)
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A superuser's connection, past the pooler, to look at everything.
    pub async fn superuser(&self) -> Client {
        connect(&self.server, &self.name).await
    }

    /// A store on the same server under any role and database, past the pooler.
    pub fn store_as(&self, role: &str, database: &str) -> Store {
        Store::new(&SecretString::from(self.url_as(role, database)), None)
            .expect("the test server's URL is one")
    }

    /// The address for [`Self::store_as`].
    pub fn url_as(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@{}/{database}", address_of(&self.server))
    }

    /// The address of the database as its owner has it, past the pooler.
    pub fn owner_url(&self) -> String {
        self.url_as(self.server.get_user().expect("the test server's URL names a user"), &self.name)
    }

    /// A superuser's store, to set a scene.
    pub fn superuser_store(&self) -> Store {
        store_at(&self.server, &self.name)
    }

    /// The one number that `query` gives.
    pub async fn count(&self, query: &str) -> i64 {
        let rows = self.superuser().await.query_typed(query, &[]).await.expect("the query is right");
        rows[0].get(0)
    }

    /// The one text that `query` gives.
    pub async fn text(&self, query: &str) -> String {
        let rows = self.superuser().await.query_typed(query, &[]).await.expect("the query is right");
        rows[0].get::<_, Option<String>>(0).unwrap_or_default()
    }

    /// What [`query`] gives of this database, past the pooler; none while the server is away.
    pub async fn try_query(&self, sql: &str) -> Option<Vec<Vec<String>>> {
        let user = self.server.get_user().unwrap_or("postgres");
        try_query(&self.url_as(user, &self.name), sql).await.ok()
    }

    /// A tenant called `name` with every workflow switched on, and nothing else.
    pub async fn tenant(&self, name: &str) -> TenantId {
        let store = self.superuser_store();
        let mut session = store.session().await.unwrap();
        let tenant_id = TenantId::new();
        let tx = session.begin(tenant_id).unwrap();
        tenants::insert(&tx, tenant_id, name).await.unwrap();
        for workflow in Workflow::ALL.iter().filter(|workflow| workflow.is_optional()) {
            workflow_settings::set(&tx, tenant_id, *workflow, true, &serde_json::json!({})).await.unwrap();
        }
        tx.commit().await.unwrap();
        tenant_id
    }

    /// Connects the tenant to `account_id` with a token set of its own.
    pub async fn connect_account(
        &self,
        tenant_id: TenantId,
        provider: Provider,
        account_id: &str,
    ) -> (ConnectionId, TokenSetId) {
        let store = self.superuser_store();
        let mut session = store.session().await.unwrap();
        let token_set_id = TokenSetId::new();
        token_sets::insert(&mut session, token_set_id, provider).await.unwrap();
        let tx = session.begin(tenant_id).unwrap();
        let new = NewConnection { tenant_id, token_set_id, provider, account_id, account_name: "test" };
        let connection_id = connections::insert(&tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        (connection_id, token_set_id)
    }

    fn is_main_server(&self) -> bool {
        let main: Config = settings::required("TEST_DATABASE_URL").parse().expect("it was parsed before");
        main.get_ports() == self.server.get_ports()
    }
}

/// The rows that `sql` gives at the database at `url`, every value as text and null as an empty one.
pub async fn query(url: &str, sql: &str) -> Vec<Vec<String>> {
    try_query(url, sql).await.expect("the database is up and the query is right")
}

/// The code of the error that `sql` meets at the database at `url`; none if it is taken.
pub async fn refusal(url: &str, sql: &str) -> Option<String> {
    let error = try_query(url, sql).await.err()?;
    Some(error.code().expect("the database is up").code().to_owned())
}

async fn try_query(url: &str, sql: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    let messages = client.simple_query(sql).await?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(rows
        .map(|row| (0..row.len()).map(|column| row.get(column).unwrap_or_default().to_owned()).collect())
        .collect())
}

async fn connect(server: &Config, database: &str) -> Client {
    let (client, connection) =
        server.clone().dbname(database).connect(NoTls).await.expect("the test server is up");
    tokio::spawn(connection);
    client
}

fn store_at(server: &Config, database: &str) -> Store {
    let user = server.get_user().unwrap_or("postgres");
    let address = address_of(server);
    let password = server.get_password().map(String::from_utf8_lossy).unwrap_or_default();
    let url = format!("postgres://{user}:{password}@{address}/{database}");
    Store::new(&SecretString::from(url), None).expect("the test server's URL is one")
}

fn address_of(server: &Config) -> String {
    let Some(Host::Tcp(host)) = server.get_hosts().first() else { panic!("the test server has a host name") };
    format!("{host}:{}", server.get_ports().first().copied().unwrap_or(5432))
}
