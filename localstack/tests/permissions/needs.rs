//! What a function needs to be allowed, beside what it is allowed.

use std::collections::BTreeMap;
use std::fmt;

use crate::code::{Calls, Place};
use crate::terraform::{Configuration, Function, Permission, references};

/// What is wrong, a sentence each. `calls` are those of each function's binary.
pub fn findings(configuration: &Configuration, calls: &BTreeMap<String, Calls>) -> Vec<String> {
    let functions = configuration.functions();
    assert!(functions.iter().map(|function| &function.name).eq(calls.keys()), "each function is deployed");

    let mut findings = Vec::new();
    for function in &functions {
        let name = &function.name;
        let needs = Needs { configuration, functions: &functions, calls }.of(function);
        for permission in &function.allowed {
            if !needs.iter().any(|need| need.is_met_by(permission)) {
                findings.push(format!("{name} may {permission} and never does"));
            }
        }
        for need in needs {
            if !function.allowed.iter().any(|permission| need.is_met_by(permission)) {
                findings.push(format!("{name} does {need} and may not"));
            }
        }
    }
    findings
}

struct Needs<'a> {
    configuration: &'a Configuration,
    functions: &'a [Function],
    calls: &'a BTreeMap<String, Calls>,
}

struct Need<'a> {
    action: String,
    on: Resource<'a>,
    /// The service that uses a key in the function's name.
    via: Option<&'a str>,
}

enum Resource<'a> {
    Exactly(String),
    /// What the function is told of a place.
    Known(&'a Place, &'a str),
}

impl<'a> Needs<'a> {
    fn of(&self, function: &'a Function) -> Vec<Need<'a>> {
        let by_aws = function.done_by_aws.iter();
        let by_aws = by_aws.map(|(action, on)| Need {
            action: action.clone(),
            on: Resource::Exactly(on.clone()),
            via: None,
        });
        let mut needs: Vec<Need<'a>> = by_aws.collect();
        for (action, place) in &self.calls[&function.name].actions {
            let told = function.settings.get(place.setting);
            let told = told.unwrap_or_else(|| panic!("{} is not told {}", function.name, place.setting));
            needs.push(Need { action: action.clone(), on: Resource::Known(place, told), via: None });
            if let Some(key) = self.key_of(place, told) {
                let service = action.split(':').next();
                needs.extend(uses_of_the_key(action).iter().map(|action| Need {
                    action: (*action).to_owned(),
                    on: Resource::Exactly(key.clone()),
                    via: service,
                }));
            }
        }
        needs
    }

    /// The key of ours that encrypts what is at a place.
    fn key_of(&self, place: &Place, told: &str) -> Option<String> {
        let choosing = self.functions.iter().filter(|function| {
            function.settings.get(place.setting).is_some_and(|setting| setting == told)
                && self.calls[&function.name].choosing_keys.contains(place)
        });
        // Who makes a secret says which key it has; else the place itself does.
        match choosing.map(|function| function.settings.get("SECRET_KEY_ARN").cloned()).next() {
            Some(key) => key,
            None => self.configuration.key_of(told),
        }
    }
}

/// What an action does with the key that encrypts what it is about.
fn uses_of_the_key(action: &str) -> &'static [&'static str] {
    match action {
        "s3:GetObject" | "secretsmanager:GetSecretValue" | "sqs:ReceiveMessage" => &["kms:Decrypt"],
        "s3:PutObject"
        | "secretsmanager:CreateSecret"
        | "secretsmanager:PutSecretValue"
        | "sqs:SendMessage" => &["kms:Decrypt", "kms:GenerateDataKey"],
        _ => &[],
    }
}

impl Need<'_> {
    fn is_met_by(&self, permission: &Permission) -> bool {
        self.action == permission.action
            && self.via == permission.via.as_deref()
            && match &self.on {
                Resource::Exactly(resource) => *resource == permission.resource,
                Resource::Known(place, told) => is_told(place, told, &self.action, &permission.resource),
            }
    }
}

/// Whether the resource of a permission is the part that a place asks for of what the function is told.
fn is_told(place: &Place, told: &str, action: &str, resource: &str) -> bool {
    // It is the bucket that is listed, not what is in it.
    let within = if action == "s3:ListBucket" { "" } else { place.within };
    let Some(whole) = resource.strip_suffix(within) else { return false };
    match within {
        // Told is what names begin with.
        "*" => whole.ends_with(told),
        "" if !whole.ends_with('}') => false,
        _ => references(told).any(|told| references(whole).any(|whole| is_same(told, whole))),
    }
}

/// Whether two references are to attributes of the same, as a queue's URL and its ARN are.
fn is_same(one: &str, other: &str) -> bool {
    let owner = |reference: &str| reference.rsplit_once('.').map(|(owner, _)| owner.to_owned());
    owner(one).is_some_and(|owner| owner.contains('.') && !owner.starts_with("data."))
        && owner(one) == owner(other)
}

impl fmt::Display for Need<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, on, via } = self;
        match on {
            Resource::Exactly(resource) => write!(f, "{action} on {resource}")?,
            Resource::Known(place, _) => write!(f, "{action} on {}{}", place.setting, place.within)?,
        }
        via.map_or(Ok(()), |via| write!(f, " through {via}"))
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sid, action, resource, via } = self;
        write!(f, "{action} on {resource}")?;
        via.as_ref().map_or(Ok(()), |via| write!(f, " through {via}"))?;
        write!(f, " ({sid})")
    }
}
