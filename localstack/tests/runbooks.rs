//! What the runbooks name exists: targets, commands with their flags, files, outputs; and their SQL does what they say.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use zixly_store::load;
use zixly_testkit::TestDatabase;

/// What the first part of a path of the project is.
const FOLDERS: [&str; 9] = [
    "docs/",
    "events/",
    "functions/",
    "localstack/",
    "migrations/",
    "shared/",
    "terraform/",
    ".github/",
    ".ci/",
];

/// A runbook with all that it says in code.
struct Runbook {
    path: PathBuf,
    text: String,
    /// Fenced blocks: language and content.
    blocks: Vec<(String, String)>,
    /// Lines of fenced blocks, and what stands between backticks elsewhere.
    code: Vec<String>,
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn runbooks() -> Vec<Runbook> {
    let entries = fs::read_dir(project().join("docs/runbooks")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "md")).collect();
    paths.sort();
    assert!(paths.len() >= 8, "{paths:?}");
    paths.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> Runbook {
    let text = fs::read_to_string(&path).unwrap();
    let (mut blocks, mut code): (Vec<(String, String)>, Vec<String>) = (Vec::new(), Vec::new());
    let mut is_in_block = false;
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            is_in_block = !is_in_block;
            if is_in_block {
                blocks.push((language.to_owned(), String::new()));
            }
        } else if is_in_block {
            let block = &mut blocks.last_mut().unwrap().1;
            block.push_str(line);
            block.push('\n');
            code.push(line.trim().to_owned());
        } else {
            code.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    assert!(!is_in_block, "{} has a block without an end", path.display());
    Runbook { path, text, blocks, code }
}

/// What follows `program` in a line of code, up to what ends a command.
fn arguments<'a>(line: &'a str, program: &str) -> Option<Vec<&'a str>> {
    let mut words = line.split_whitespace().skip_while(|word| !is_program(word, program));
    words.next()?;
    Some(words.take_while(|word| !["|", "&&", "||", ";", "#"].contains(word)).collect())
}

fn is_program(word: &str, program: &str) -> bool {
    word == program || word.ends_with(&format!("/{program}"))
}

fn is_name(word: &str) -> bool {
    word.chars().all(|it| it.is_ascii_lowercase() || it == '-')
}

#[test]
fn every_target_of_make_is_there() {
    let makefile = fs::read_to_string(project().join("Makefile")).unwrap();
    let mut count = 0;
    for runbook in runbooks() {
        for target in
            runbook.code.iter().filter_map(|line| arguments(line, "make")).flatten().filter(|it| is_name(it))
        {
            let is_there = makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
            assert!(is_there, "{} says `make {target}`", runbook.path.display());
            count += 1;
        }
    }
    assert!(count >= 4, "only {count} targets were found");
}

#[test]
fn every_command_of_zixly_takes_its_flags() {
    let mut commands = BTreeSet::new();
    for runbook in runbooks() {
        for words in runbook.code.iter().filter_map(|line| arguments(line, "zixly")) {
            let (flags, names): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word.starts_with("--"));
            let path: Vec<_> =
                names.into_iter().take_while(|word| is_name(word)).map(str::to_owned).collect();
            commands.insert((path, flags.into_iter().map(str::to_owned).collect::<Vec<_>>()));
        }
    }
    assert!(commands.len() >= 6, "{commands:?}");
    for (path, flags) in commands {
        let help = Command::new(env!("CARGO_BIN_EXE_zixly")).args(&path).arg("--help").output().unwrap();
        assert!(help.status.success(), "zixly {path:?} is not a command");
        let help = String::from_utf8(help.stdout).unwrap();
        for flag in flags {
            assert!(help.contains(&flag), "zixly {path:?} takes no {flag}");
        }
    }
}

#[test]
fn every_file_and_every_output_is_there() {
    let outputs = fs::read_to_string(project().join("terraform/environments/aws/outputs.tf")).unwrap();
    let mut count = 0;
    for Runbook { path, text, code, .. } in runbooks() {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.contains("://")) {
            assert!(path.parent().unwrap().join(link).exists(), "{} links to {link}", path.display());
            count += 1;
        }
        let separators = |it: char| it.is_whitespace() || "\"'=(),;".contains(it);
        let words = code.iter().flat_map(|line| line.split(separators));
        // The settings are the owner's to write.
        let files = words.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)));
        for file in files.filter(|word| !word.ends_with("/production.tfvars")) {
            assert!(project().join(file).exists(), "{} names {file}", path.display());
            count += 1;
        }
        for output in
            code.iter().filter_map(|line| line.split_once(" output -raw ")).map(|(_, output)| output)
        {
            let name: String =
                output.chars().take_while(|it| it.is_ascii_lowercase() || *it == '_').collect();
            assert!(outputs.contains(&format!("output \"{name}\"")), "{} reads {name}", path.display());
            count += 1;
        }
    }
    assert!(count >= 20, "only {count} were found");
}

#[tokio::test]
async fn every_statement_of_sql_is_taken_and_a_removed_tenant_leaves_nothing() {
    let database = TestDatabase::create().await;
    let store = database.superuser_store();
    let tenants = load::jobs(&mut store.session().await.unwrap(), 2, 400, |_| ()).await.unwrap();
    let (leaving, staying) = (tenants[0], tenants[1]);
    let rows_of = async |tenant| {
        let mut rows = 0;
        for table in tables_of_tenants(&database).await {
            rows +=
                database.count(&format!("select count(*) from {table} where tenant_id = '{tenant}'")).await;
        }
        rows
    };
    let (before, others) = (rows_of(leaving).await, rows_of(staying).await);
    assert!(before > 100 && others > 100, "{before} and {others} rows");

    let client = database.superuser().await;
    let mut count = 0;
    for Runbook { path, blocks, .. } in runbooks() {
        for (_, sql) in blocks.iter().filter(|(language, _)| language == "sql") {
            let sql = sql.replace(":'tenant'", &format!("'{leaving}'"));
            // What is about roles and sessions is about other tests', too: it is understood, and not done.
            let taken = if sql.contains("alter role") {
                let (roles, questions): (Vec<_>, Vec<_>) = sql
                    .split(';')
                    .map(str::trim)
                    .filter(|it| !it.is_empty())
                    .partition(|it| it.starts_with("alter role"));
                let explained = questions.iter().map(|question| format!("explain {question};"));
                let all = format!("begin; {}; {} rollback", roles.join("; "), explained.collect::<String>());
                client.batch_execute(&all).await
            } else {
                client.batch_execute(&sql).await
            };
            taken.unwrap_or_else(|error| panic!("{}: {error:?} in\n{sql}", path.display()));
            count += 1;
        }
    }
    assert!(count >= 8, "only {count} blocks were found");
    assert_eq!((rows_of(leaving).await, rows_of(staying).await), (0, others));
}

async fn tables_of_tenants(database: &TestDatabase) -> Vec<String> {
    let tables = database
        .text(
            "select string_agg(c.relname, ' ') from pg_class c
               join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
              where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition",
        )
        .await;
    tables.split(' ').map(str::to_owned).collect()
}
