//! What a function's code can ask of AWS, read from its binary. The linker keeps only what something calls, so the
//! operations of the SDKs in it are those that the function can call; the calls in the machine code lead from there
//! to the part of our code that asks.

use std::collections::{BTreeSet, HashMap};
use std::fs;

use object::{Architecture, Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};

/// A part of our code that talks to AWS, and about what.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its crate.
    package: &'static str,
    /// Its types or methods; none for the whole crate.
    names: &'static [&'static str],
    /// The setting that says which queue, bucket, table, secret or API it is.
    pub setting: &'static str,
    /// Which part of that: what the resource of a permission ends with.
    pub within: &'static str,
}

/// All of them.
pub const PLACES: &[Place] = &[
    place("zixly_budgets", &[], "COUNTER_TABLE", ""),
    place("zixly_connectors", &["Ses"], "EMAIL_SENDER", ""),
    place("zixly_payload_store", &["ping"], "PAYLOAD_BUCKET", ""),
    place("zixly_payload_store", &["put_archive"], "PAYLOAD_BUCKET", "/deliveries/*"),
    place("zixly_payload_store", CARRIED, "PAYLOAD_BUCKET", "/carried/*"),
    place("zixly_payload_store", &["put_result", "presign_result"], "PAYLOAD_BUCKET", "/tenants/*"),
    place("zixly_queues", &["DeadLetterQueue"], "DEAD_LETTER_QUEUE_URL", ""),
    place("zixly_queues", &["JobEventQueue"], "JOB_EVENT_QUEUE_URL", ""),
    place("zixly_queues", &["JobQueue"], "JOB_QUEUE_URL", ""),
    place("zixly_secrets", &["FunctionSecret"], "FUNCTION_SECRET_ARN", ""),
    place("zixly_secrets", &["HookSecrets"], "HOOK_SECRET_PREFIX", "*"),
    place("zixly_secrets", &["TokenSets"], "TOKEN_SET_PREFIX", "*"),
    place("zixly_sockets", &["SocketApi::close"], "SOCKET_API_URL", "/DELETE/@connections/*"),
    place("zixly_sockets", &["SocketApi::post"], "SOCKET_API_URL", "/POST/@connections/*"),
    place("zixly_sockets", &["SocketTable"], "SOCKET_TABLE", ""),
];

const CARRIED: &[&str] = &["put_carried", "get_carried", "delete_carried"];

const fn place(
    package: &'static str,
    names: &'static [&'static str],
    setting: &'static str,
    within: &'static str,
) -> Place {
    Place { package, names, setting, within }
}

/// What a function's binary can ask of AWS.
#[derive(Default)]
pub struct Calls {
    /// The actions, each with the place that calls it.
    pub actions: BTreeSet<(String, &'static Place)>,
    /// The places that say themselves which key what they make is encrypted with.
    pub choosing_keys: BTreeSet<&'static Place>,
}

impl Calls {
    pub fn of(binary: &str) -> Self {
        let code = Code::read(binary);
        let mut calls = Self::default();
        for (function, name) in code.functions.iter().enumerate() {
            // Most names are not worth the reading.
            if !WORTH_READING.iter().any(|part| name.contains(part)) {
                continue;
            }
            let name = readable(name);
            if let Some(action) = action_of(&name) {
                let places = code.places_that_reach(function).into_iter();
                calls.actions.extend(places.map(|place| (action.clone(), place)));
            }
            if name.ends_with("FluentBuilder::set_kms_key_id") || name.ends_with("FluentBuilder::kms_key_id")
            {
                calls.choosing_keys.extend(code.places_that_reach(function));
            }
        }
        calls
    }
}

/// What is in each mangled name that [`action_of`] or [`Calls::of`] looks for.
const WORTH_READING: [&str; 4] = ["FluentBuilder", "7builder", "payload_store2s3", "connectors3ses"];

/// What a function's role needs if the function called `name` is called; none for most.
fn action_of(name: &str) -> Option<String> {
    let action = match name {
        // The items of a transaction need what they would need alone.
        "aws_sdk_dynamodb::types::_condition_check::ConditionCheck::builder" => "dynamodb:ConditionCheckItem",
        "aws_sdk_dynamodb::types::_delete::Delete::builder" => "dynamodb:DeleteItem",
        "aws_sdk_dynamodb::types::_put::Put::builder" => "dynamodb:PutItem",
        "aws_sdk_dynamodb::types::_update::Update::builder" => "dynamodb:UpdateItem",
        // Signed and sent by ourselves.
        "zixly_connectors::ses::Ses::send" => "ses:SendEmail",
        "zixly_payload_store::s3::Bucket::put" => "s3:PutObject",
        "zixly_payload_store::s3::Bucket::get" | "zixly_payload_store::s3::Bucket::presigned" => {
            "s3:GetObject"
        }
        "zixly_payload_store::s3::Bucket::delete" => "s3:DeleteObject",
        // To whoever may not list a bucket, S3 calls an object that is gone a forbidden one.
        "zixly_payload_store::s3::Bucket::head" | "zixly_payload_store::s3::is_no_such_key" => {
            "s3:ListBucket"
        }
        name => {
            let path = name.strip_prefix("aws_sdk_")?.strip_suffix("FluentBuilder::new")?;
            let (service, path) = path.split_once("::")?;
            let (_, operation) = path.rsplit_once("::")?;
            return action_of_operation(service, operation);
        }
    };
    Some(action.to_owned())
}

fn action_of_operation(service: &str, operation: &str) -> Option<String> {
    match (service, operation) {
        ("apigatewaymanagement", _) => Some("execute-api:ManageConnections".to_owned()),
        // Its items are seen on their own.
        ("dynamodb", "TransactWriteItems") => None,
        ("sqs", operation) => Some(format!("sqs:{}", operation.trim_end_matches("Batch"))),
        _ => Some(format!("{service}:{operation}")),
    }
}

/// A path without generics and hashes, whichever way the compiler mangles names.
fn readable(mangled: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(mangled)).replace(['<', '>'], "")
}

/// A binary's functions, and who calls whom.
struct Code {
    /// Their mangled names, in the order of their addresses.
    functions: Vec<String>,
    callers: HashMap<usize, Vec<usize>>,
}

impl Code {
    fn read(binary: &str) -> Self {
        let bytes = fs::read(binary).unwrap_or_else(|error| panic!("{binary}: {error}"));
        let file = object::File::parse(&*bytes).expect("a binary of this machine");
        let mut symbols: Vec<(u64, &str)> = file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
            .map(|symbol| (symbol.address(), symbol.name().expect("a symbol has a name")))
            .collect();
        symbols.sort_unstable();
        symbols.dedup_by_key(|(address, _)| *address);

        let mut meant: HashMap<u64, usize> =
            symbols.iter().enumerate().map(|(function, (address, _))| (*address, function)).collect();
        // Another crate's function is mostly called by the address in a table, which the loader fills.
        for (slot, relocation) in file.dynamic_relocations().into_iter().flatten() {
            if let Some(function) = meant.get(&(relocation.addend() as u64)) {
                meant.insert(slot, *function);
            }
        }

        let mut callers: HashMap<usize, Vec<usize>> = HashMap::new();
        for section in file.sections().filter(|section| section.kind() == SectionKind::Text) {
            let machine_code = section.data().expect("machine code");
            for (at, target) in references_in(file.architecture(), section.address(), machine_code) {
                if let Some(callee) = meant.get(&target) {
                    let caller = symbols.partition_point(|(address, _)| *address <= at).saturating_sub(1);
                    callers.entry(*callee).or_default().push(caller);
                }
            }
        }
        Self { functions: symbols.into_iter().map(|(_, name)| name.to_owned()).collect(), callers }
    }

    /// The places on all ways that lead to `function`. A way without one is our own mistake: [`PLACES`] lacks it.
    fn places_that_reach(&self, function: usize) -> BTreeSet<&'static Place> {
        let mut places = BTreeSet::new();
        let mut seen = BTreeSet::from([function]);
        let mut ahead = vec![function];
        while let Some(function) = ahead.pop() {
            let name = readable(&self.functions[function]);
            if let Some(place) = PLACES.iter().find(|place| place.has(&name)) {
                places.insert(place);
                continue;
            }
            let callers = self.callers.get(&function);
            let callers = callers.unwrap_or_else(|| panic!("{name} talks to AWS and belongs to no place"));
            ahead.extend(callers.iter().filter(|caller| seen.insert(**caller)));
        }
        assert!(!places.is_empty(), "{} belongs to no place", readable(&self.functions[function]));
        places
    }
}

impl Place {
    fn has(&self, name: &str) -> bool {
        let name = format!("{name}::");
        name.strip_prefix(self.package).is_some_and(|rest| {
            rest.starts_with("::")
                && (self.names.is_empty()
                    || self.names.iter().any(|part| rest.contains(&format!("::{part}::"))))
        })
    }
}

/// What machine code that begins at `start` calls or names: from where, and where that is. What only looks like it leads
/// to the beginning of no function.
fn references_in(architecture: Architecture, start: u64, code: &[u8]) -> Vec<(u64, u64)> {
    let word = |at: usize| [code[at], code[at + 1], code[at + 2], code[at + 3]];
    let mut references = Vec::new();
    // Loops of the plainest kind: a test's own code is not optimised, and this is all of the machine code.
    match architecture {
        Architecture::X86_64 => {
            let mut at = 2;
            while at + 4 <= code.len() {
                // How far it is from the next instruction: after `call` or `jmp`, or where the operand of `mov`, `lea`,
                // `call` or `jmp` lies at such a distance.
                let operand = code[at - 1];
                if operand == 0xE8
                    || operand == 0xE9
                    || operand & 0xC7 == 0x05 && matches!(code[at - 2], 0x8B | 0x8D | 0xFF)
                {
                    let place = start + at as u64;
                    let far = i32::from_le_bytes(word(at)).into();
                    references.push((place, place.wrapping_add(4).wrapping_add_signed(far)));
                }
                at += 1;
            }
        }
        Architecture::Aarch64 => {
            let mut at = 0;
            while at + 4 <= code.len() {
                // `bl`: six bits that say so, and how many instructions it is from this one.
                let instruction = u32::from_le_bytes(word(at));
                if instruction >> 26 == 0b10_0101 {
                    let place = start + at as u64;
                    let far = i64::from((instruction << 6).cast_signed() >> 6) * 4;
                    references.push((place, place.wrapping_add_signed(far)));
                }
                at += 4;
            }
        }
        other => panic!("the calls of {other:?} are not known"),
    }
    references
}

#[test]
fn a_call_leads_to_where_it_says() {
    let calls = |architecture, code: &[u8]| references_in(architecture, 0x1000, code);
    // nop; call +2; mov rax, [rip - 16]
    let code = [0x90, 0xE8, 2, 0, 0, 0, 0x48, 0x8B, 0x05, 0xF0, 0xFF, 0xFF, 0xFF];
    assert_eq!(calls(Architecture::X86_64, &code), [(0x1002, 0x1008), (0x1009, 0xFFD)]);
    // nop; bl +8; bl -4
    let code = [0x1F, 0x20, 0x03, 0xD5, 0x02, 0, 0, 0x94, 0xFF, 0xFF, 0xFF, 0x97];
    assert_eq!(calls(Architecture::Aarch64, &code), [(0x1004, 0x100C), (0x1008, 0x1004)]);
}
