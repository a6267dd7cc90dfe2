//! Who signs in on a local stack: people with fixed addresses and one password, which is good on loopback only.

use anyhow::Context;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use zixly_auth::{LocalSession, local_token};
use zixly_domain::{Role, UserId};

use crate::progress::answer;
use crate::project::Project;
use crate::stack::Stack;
use crate::stack_env::StackEnv;

/// Everybody's.
pub const PASSWORD: &str = "zixly-demo";

/// The key that the pages send with a sign-in; as public as they are. The simulator takes this one.
pub const AUTH_KEY: &str = "sb_publishable_local";

/// What the admin function invites people with. The simulator takes this one.
pub const AUTH_SERVICE_KEY: &str = "sb_secret_local";

/// One of the people.
pub struct Person {
    /// With what he signs in.
    pub email: &'static str,
    /// What the address is called in the stack's env file.
    pub email_name: &'static str,
    /// What his token is called in the stack's env file.
    pub token_name: &'static str,
    /// What he may do in his tenant.
    pub role: Role,
    /// Whether he may look at every tenant.
    pub is_platform_admin: bool,
}

/// The people of the first tenant.
pub const DEMO_PEOPLE: &[Person] = &[
    Person {
        email: "admin@demo.example",
        email_name: "ADMIN_EMAIL",
        token_name: "TOKEN_ADMIN",
        role: Role::Admin,
        is_platform_admin: false,
    },
    Person {
        email: "editor@demo.example",
        email_name: "EDITOR_EMAIL",
        token_name: "TOKEN_EDITOR",
        role: Role::Editor,
        is_platform_admin: false,
    },
    Person {
        email: "viewer@demo.example",
        email_name: "VIEWER_EMAIL",
        token_name: "TOKEN_VIEWER",
        role: Role::Viewer,
        is_platform_admin: false,
    },
    Person {
        email: "platform@demo.example",
        email_name: "PLATFORM_ADMIN_EMAIL",
        token_name: "TOKEN_PLATFORM_ADMIN",
        role: Role::Admin,
        is_platform_admin: true,
    },
];

/// The people of the second tenant.
pub const OTHER_PEOPLE: &[Person] = &[Person {
    email: "admin@other.example",
    email_name: "OTHER_ADMIN_EMAIL",
    token_name: "OTHER_TOKEN_ADMIN",
    role: Role::Admin,
    is_platform_admin: false,
}];

impl Person {
    /// What he is, in a few words.
    pub fn describe(&self) -> String {
        let other =
            if OTHER_PEOPLE.iter().any(|it| it.email == self.email) { " of Other business" } else { "" };
        let platform = if self.is_platform_admin { ", and may look at every tenant" } else { "" };
        format!("{}{other}{platform}", self.role.as_str())
    }

    /// His id, the same for the stack's life.
    pub fn user_id(&self, stack: &Stack) -> anyhow::Result<UserId> {
        Ok(stack.secret(&format!("user of {}", self.token_name), || UserId::new().to_string())?.parse()?)
    }

    /// A session of a day, signed with the legacy secret as projects do that have no signing keys yet. Who signs in with
    /// the password gets one that is signed with a key of the JWKS.
    pub fn token(&self, stack: &Stack, auth_url: &str) -> anyhow::Result<String> {
        let now = Timestamp::now();
        let session = LocalSession {
            issuer: auth_url,
            audience: "authenticated",
            user_id: self.user_id(stack)?,
            email: self.email,
            issued_at: now,
            expires_at: now + SignedDuration::from_hours(24),
        };
        Ok(local_token(&legacy_secret(stack)?, &session).expose_secret().to_owned())
    }
}

/// What tokens of the legacy kind are signed with on this stack.
pub fn legacy_secret(stack: &Stack) -> anyhow::Result<SecretString> {
    Ok(stack.secret("AUTH_JWT_SECRET", crate::random)?.into())
}

/// Print a token of a user of the running stack, good for a day
#[derive(Args)]
pub struct Token {
    /// Whose it is
    #[arg(long, value_enum, ignore_case = true)]
    role: RoleName,
    /// Of which tenant
    #[arg(long, value_enum, default_value = "demo")]
    tenant: TenantName,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum RoleName {
    Admin,
    Editor,
    Viewer,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum TenantName {
    Demo,
    Other,
}

impl Token {
    /// Signs and prints it.
    pub fn run(&self, project: &Project) -> anyhow::Result<()> {
        let env = StackEnv::read(project)?;
        let stack = Stack::open(project.stack())?;
        let people = match self.tenant {
            TenantName::Demo => DEMO_PEOPLE,
            TenantName::Other => OTHER_PEOPLE,
        };
        let role = match self.role {
            RoleName::Admin => Role::Admin,
            RoleName::Editor => Role::Editor,
            RoleName::Viewer => Role::Viewer,
        };
        let person = people.iter().find(|person| person.role == role);
        let person = person.with_context(|| {
            let roles: Vec<&str> = people.iter().map(|person| person.role.as_str()).collect();
            format!("that tenant has no {}; it has {}", role.as_str(), roles.join(", "))
        })?;
        answer(&person.token(&stack, env.get("AUTH_URL")?)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use serde_json::{Value, json};
    use uuid::Uuid;
    use zixly_auth::{TokenRules, UserTokens};
    use zixly_simulator::{ClientCredentials, Simulator, SimulatorConfig};

    use super::*;

    #[tokio::test]
    async fn the_functions_accept_the_token_of_a_sign_in_and_one_of_ours_alike() {
        let client = crate::loopback_client().unwrap();
        let app = || ClientCredentials { id: "app".to_owned(), secret: "secret".to_owned() };
        let config = SimulatorConfig::new(app(), app(), Uuid::new_v4(), 1);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let simulator = Simulator::start(config, address).await.unwrap();
        let auth_url = crate::simulator::auth_url(&simulator.url);
        let folder = std::env::temp_dir().join(format!("zixly-people-{}", std::process::id()));
        let stack = Stack::open(folder.clone()).unwrap();
        let person = &DEMO_PEOPLE[0];

        crate::seed::sign_up(&simulator.url, person, person.user_id(&stack).unwrap()).await.unwrap();
        let request = client.post(format!("{auth_url}/token?grant_type=password")).header("apikey", AUTH_KEY);
        let request = request.json(&json!({ "email": person.email, "password": PASSWORD }));
        let session: Value = request.send().await.unwrap().json().await.unwrap();

        let jwks = crate::seed::read_jwks(&simulator.url).await.unwrap();
        let rules = TokenRules {
            issuer: auth_url.clone(),
            audience: "authenticated".to_owned(),
            jwks: Some(&jwks),
            legacy_secret: Some(legacy_secret(&stack).unwrap()),
        };
        let tokens = UserTokens::new(rules).unwrap();
        for token in [session["access_token"].as_str().unwrap(), &person.token(&stack, &auth_url).unwrap()] {
            assert_eq!(tokens.verify(token, Timestamp::now()), Ok(person.user_id(&stack).unwrap()));
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
