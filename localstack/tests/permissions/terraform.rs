//! What Terraform gives a function: its settings, what its role allows, and what AWS itself does in its name. Read from
//! the files, for every value that a variable can have; a reference is followed to the resource that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, rc::Rc};

use hcl_edit::expr::{Expression, FuncCall, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::structure::{Block, Body, Structure};
use hcl_edit::template::{Element, Template};

/// The module that has all functions, and the one that each of them is an instance of.
const PIPELINE: &str = "pipeline";
const FUNCTION: &str = "function";

/// Files by their path below `terraform/modules`, so that a test can change one.
pub struct Files(BTreeMap<String, String>);

impl Files {
    /// As they lie in the tree.
    pub fn read() -> Self {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform/modules");
        let list = |folder: &Path| {
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
        };
        let files = list(&modules).into_iter().flat_map(|module| list(&module));
        let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "tf"));
        let name = |file: &Path| file.strip_prefix(&modules).unwrap().to_str().unwrap().to_owned();
        Self(files.map(|file| (name(&file), fs::read_to_string(&file).unwrap())).collect())
    }

    /// With `new` in place of `old`, which must be there once.
    pub fn with(mut self, file: &str, old: &str, new: &str) -> Self {
        let text = self.0.get_mut(file).unwrap_or_else(|| panic!("there is no {file}"));
        assert_eq!(text.matches(old).count(), 1, "{file} has {old} once");
        *text = text.replace(old, new);
        self
    }
}

/// A function as Terraform makes it.
pub struct Function {
    pub name: String,
    /// What its role may do.
    pub allowed: Vec<Permission>,
    /// What AWS does with its role, besides what its code asks for.
    pub done_by_aws: BTreeSet<(String, String)>,
    pub settings: BTreeMap<String, String>,
}

/// One action on one resource.
pub struct Permission {
    pub sid: String,
    pub action: String,
    pub resource: String,
    /// The service that a key may be used through.
    pub via: Option<String>,
}

/// All modules.
pub struct Configuration {
    modules: BTreeMap<String, Body>,
}

impl Configuration {
    pub fn parse(files: &Files) -> Self {
        let mut modules: BTreeMap<String, Body> = BTreeMap::new();
        for (file, text) in &files.0 {
            let body: Body = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
            let (module, _) = file.split_once('/').expect("each file is in a module's folder");
            let module = modules.entry(module.to_owned()).or_default();
            body.into_iter().for_each(|structure| module.push(structure));
        }
        Self { modules }
    }

    /// In the order of their names.
    pub fn functions(&self) -> Vec<Function> {
        let pipeline = self.pipeline();
        let policies = pipeline.body.blocks().filter(|block| is_policy_of_a_role(block));
        assert_eq!(policies.count(), 0, "a function's permissions are handed to its module");
        let modules = pipeline.blocks("module").filter(|block| source_of(block) == FUNCTION);
        let mut functions: Vec<Function> =
            modules.map(|block| pipeline.function(block.labels[0].as_str())).collect();
        functions.sort_by(|one, other| one.name.cmp(&other.name));
        functions
    }

    /// The key of ours that encrypts what `text` names: that of the module that makes it.
    pub fn key_of(&self, text: &str) -> Option<String> {
        let pipeline = self.pipeline();
        let modules = references(text).filter_map(|reference| reference.strip_prefix("module."));
        modules.filter_map(|reference| reference.split_once(".aws_")).find_map(|(instance, _)| {
            let (name, index) = instance.split_once('[').unwrap_or((instance, ""));
            let index = (!index.is_empty()).then(|| index.trim_matches(['"', ']']).to_owned());
            pipeline.instance(name, index).key()
        })
    }

    fn pipeline(&self) -> Module<'_> {
        Module { all: self, body: &self.modules[PIPELINE], address: String::new(), key: None, caller: None }
    }
}

/// What a text of ours names: each `${…}` in it.
pub fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| rest.split('}').next())
}

/// An instance of a module.
#[derive(Clone)]
struct Module<'a> {
    all: &'a Configuration,
    body: &'a Body,
    /// `module.queue.`; nothing for the pipeline itself.
    address: String,
    /// Which one it is where there are several.
    key: Option<String>,
    /// Where it is an instance, and of what arguments.
    caller: Option<Rc<(Module<'a>, &'a Body)>>,
}

/// An expression, and where its names are to be looked up.
type Located<'a> = (Module<'a>, &'a Expression);

impl<'a> Module<'a> {
    fn function(&self, name: &str) -> Function {
        let module = self.instance(name, None);
        let (_, arguments) = &**module.caller.as_ref().expect("it is an instance");
        let settings = self.entries(attribute(arguments, "environment").expect("a function has settings"));
        Function {
            name: name.to_owned(),
            allowed: module.permissions(),
            done_by_aws: self.mapped_to(name).into_iter().chain(module.written_by_lambda()).collect(),
            settings: settings
                .iter()
                .map(|(name, (module, value))| (name.clone(), module.text(value)))
                .collect(),
        }
    }

    /// What the role of a function may do: all statements of its one policy.
    fn permissions(&self) -> Vec<Permission> {
        let policies: Vec<&Block> = self.body.blocks().filter(|block| is_policy_of_a_role(block)).collect();
        let [policy] = policies[..] else {
            panic!("a function has one policy, so that all of it is read here")
        };
        let policy = self.text(attribute(&policy.body, "policy").expect("a policy says what"));
        let document = self.blocks("data").find(|block| {
            let [kind, name] = &block.labels[..] else { return false };
            policy == format!("${{{}data.{}.{}.json}}", self.address, kind.as_str(), name.as_str())
        });
        let document = &document.expect("the policy is a document of the module").body;

        let mut permissions = Vec::new();
        for block in document.blocks() {
            match block.ident.as_str() {
                "statement" => permissions.extend(self.statement(&block.body)),
                "dynamic" => permissions.extend(self.dynamic_statement(&block.body)),
                other => panic!("a policy's {other} is not understood"),
            }
        }
        permissions
    }

    fn statement(&self, body: &'a Body) -> Vec<Permission> {
        let is_understood = |attribute: &str| ["sid", "actions", "resources"].contains(&attribute);
        let are_all_understood = body.attributes().all(|attribute| is_understood(attribute.key.as_str()));
        assert!(are_all_understood && body.blocks().count() == 0, "a statement says more: {body:?}");
        let value = |name| attribute(body, name).unwrap_or_else(|| panic!("a statement has {name}"));
        let (sid, resources) = (self.text(value("sid")), self.list(value("resources")));
        let mut permissions = Vec::new();
        for action in self.list(value("actions")) {
            permissions.extend(resources.iter().map(|resource| Permission {
                sid: sid.clone(),
                action: action.clone(),
                resource: resource.clone(),
                via: None,
            }));
        }
        permissions
    }

    /// A statement that there is on a condition, or one for each of the permissions that the function was given.
    fn dynamic_statement(&self, body: &'a Body) -> Vec<Permission> {
        let content = &body.get_blocks("content").next().expect("it has a content").body;
        if matches!(attribute(content, "actions"), Some(Expression::Array(_))) {
            return self.statement(content);
        }
        let given = self.entries(attribute(body, "for_each").expect("it is for each of something"));
        let mut conditions = content.get_blocks("dynamic").filter(|block| block.has_labels(&["condition"]));
        let is_bound = conditions.next().is_some();
        let mut permissions = Vec::new();
        for (sid, (module, permission)) in given {
            let fields: BTreeMap<String, Located<'a>> = module.entries(permission).into_iter().collect();
            let text = |name: &str| fields.get(name).map(|(module, value)| module.text(value));
            let (module, actions) = &fields["actions"];
            permissions.extend(module.list(actions).into_iter().map(|action| Permission {
                sid: sid.clone(),
                action,
                resource: text("resource").expect("a permission has a resource"),
                via: is_bound.then(|| text("via_service")).flatten(),
            }));
        }
        permissions
    }

    /// Lambda takes messages from a queue with the role of the function that it hands them to.
    fn mapped_to(&self, function: &str) -> BTreeSet<(String, String)> {
        let mappings = self.resources("aws_lambda_event_source_mapping").filter(|mapping| {
            let mapped = self.text(attribute(mapping, "function_name").expect("a mapping has a function"));
            references(&mapped).any(|reference| reference.starts_with(&format!("module.{function}.")))
        });
        let queues =
            mappings.map(|mapping| self.text(attribute(mapping, "event_source_arn").expect("and a source")));
        let actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
        queues.flat_map(|queue| actions.map(|action| (action.to_owned(), queue.clone()))).collect()
    }

    /// Lambda writes logs and traces with the function's role.
    fn written_by_lambda(&self) -> BTreeSet<(String, String)> {
        let function = self.resources("aws_lambda_function").next().expect("the module makes a function");
        let setting = |block: &str, name| {
            let block = function.get_blocks(block).next()?;
            Some(self.text(attribute(&block.body, name)?))
        };
        let mut written = BTreeSet::new();
        if let Some(group) = setting("logging_config", "log_group") {
            let streams = format!("{}:*", group.replace(".name}", ".arn}"));
            written.insert(("logs:CreateLogStream".to_owned(), streams.clone()));
            written.insert(("logs:PutLogEvents".to_owned(), streams));
        }
        if setting("tracing_config", "mode").is_some_and(|mode| mode.contains("Active")) {
            // It knows no resources.
            written.insert(("xray:PutTraceSegments".to_owned(), "*".to_owned()));
            written.insert(("xray:PutTelemetryRecords".to_owned(), "*".to_owned()));
        }
        written
    }

    /// The key of ours that a resource of this module is encrypted with.
    fn key(&self) -> Option<String> {
        let resources = self.blocks("resource").map(|block| &block.body);
        let texts =
            resources.flat_map(expressions).map(|expression| self.text(expression)).collect::<Vec<_>>();
        texts
            .iter()
            .flat_map(|text| references(text))
            .find(|name| name.contains(".aws_kms_key."))
            .map(|name| format!("${{{name}}}"))
    }

    fn instance(&self, name: &str, key: Option<String>) -> Module<'a> {
        let block = self.blocks("module").find(|block| block.labels[0].as_str() == name);
        let block = block.unwrap_or_else(|| panic!("there is no module {name}"));
        let index = key.as_ref().map_or(String::new(), |key| format!("[\"{key}\"]"));
        Module {
            all: self.all,
            body: &self.all.modules[&source_of(block)],
            address: format!("{}module.{name}{index}.", self.address),
            key,
            caller: Some(Rc::new((self.clone(), &block.body))),
        }
    }

    fn blocks(&self, kind: &str) -> impl Iterator<Item = &'a Block> {
        self.body.blocks().filter(move |block| block.has_ident(kind))
    }

    fn resources(&self, kind: &str) -> impl Iterator<Item = &'a Body> {
        self.blocks("resource").filter(move |block| block.labels[0].as_str() == kind).map(|block| &block.body)
    }

    /// What an expression that is a name alone stands for: a local value, or what a variable was given.
    fn followed(&self, expression: &'a Expression) -> Located<'a> {
        match expression {
            Expression::Parenthesis(inner) => self.followed(inner.inner()),
            Expression::Traversal(traversal) => match &path_of(traversal)[..] {
                ["local", name] => self.followed(self.local(name)),
                ["var", name] => match self.argument(name) {
                    Some((module, value)) => module.followed(value),
                    None => (self.clone(), expression),
                },
                _ => (self.clone(), expression),
            },
            _ => (self.clone(), expression),
        }
    }

    fn local(&self, name: &str) -> &'a Expression {
        let locals = self.blocks("locals").find_map(|block| attribute(&block.body, name));
        locals.unwrap_or_else(|| panic!("there is no local.{name}"))
    }

    /// What a variable was given, or its default; none for one that whoever runs Terraform gives.
    fn argument(&self, name: &str) -> Option<Located<'a>> {
        let (caller, arguments) = &**self.caller.as_ref()?;
        if let Some(value) = attribute(arguments, name) {
            return Some((caller.clone(), value));
        }
        let variable = self.blocks("variable").find(|block| block.labels[0].as_str() == name)?;
        Some((self.clone(), attribute(&variable.body, "default")?))
    }

    /// The entries of an object, of all that `merge` joins, and of both ways of a condition.
    fn entries(&self, expression: &'a Expression) -> Vec<(String, Located<'a>)> {
        let (module, expression) = self.followed(expression);
        match expression {
            Expression::Object(object) => object
                .iter()
                .map(|(key, value)| (module.object_key(key), (module.clone(), value.expr())))
                .collect(),
            Expression::FuncCall(call) if call.name.name.as_str() == "merge" && !call.args.expand_final() => {
                call.args.iter().flat_map(|argument| module.entries(argument)).collect()
            }
            Expression::Conditional(condition) => [&condition.true_expr, &condition.false_expr]
                .into_iter()
                .flat_map(|way| module.entries(way))
                .collect(),
            other => panic!("not understood as an object: {other:?}"),
        }
    }

    fn list(&self, expression: &'a Expression) -> Vec<String> {
        match self.followed(expression) {
            (module, Expression::Array(values)) => values.iter().map(|value| module.text(value)).collect(),
            (_, other) => panic!("not understood as a list: {other:?}"),
        }
    }

    fn object_key(&self, key: &ObjectKey) -> String {
        match key {
            ObjectKey::Ident(name) => name.to_string(),
            ObjectKey::Expression(expression) => self.text(expression),
        }
    }

    /// An expression as text, with every name followed to the resource, or the variable of the pipeline, that it is
    /// about: `${module.job_queue.aws_sqs_queue.this.arn}`. Of a condition both ways are told.
    fn text(&self, expression: &Expression) -> String {
        match expression {
            Expression::Null(_) => String::new(),
            Expression::Bool(value) => value.to_string(),
            Expression::Number(value) => value.to_string(),
            Expression::String(text) => text.to_string(),
            Expression::StringTemplate(template) => self.template(template),
            Expression::HeredocTemplate(heredoc) => self.template(&heredoc.template),
            Expression::Variable(name) => name.to_string(),
            Expression::Traversal(traversal) => self.traversal(traversal),
            Expression::Parenthesis(inner) => self.text(inner.inner()),
            Expression::FuncCall(call) => self.call(call),
            Expression::Array(values) => self.texts(values.iter()),
            Expression::Object(object) => self.texts(object.iter().map(|(_, value)| value.expr())),
            Expression::Conditional(condition) => self.texts([&condition.true_expr, &condition.false_expr]),
            Expression::UnaryOp(operation) => self.text(&operation.expr),
            Expression::BinaryOp(operation) => self.texts([&operation.lhs_expr, &operation.rhs_expr]),
            Expression::ForExpr(each) => self.texts([&each.intro.collection_expr, &each.value_expr]),
        }
    }

    fn texts<'e>(&self, expressions: impl IntoIterator<Item = &'e Expression>) -> String {
        expressions.into_iter().map(|expression| self.text(expression)).collect::<Vec<_>>().join(" ")
    }

    fn call(&self, call: &FuncCall) -> String {
        let arguments: Vec<&Expression> = call.args.iter().collect();
        match (call.name.name.as_str(), &arguments[..]) {
            ("join", [separator, Expression::Array(parts)]) => {
                parts.iter().map(|part| self.text(part)).collect::<Vec<_>>().join(&self.text(separator))
            }
            (_, arguments) => self.texts(arguments.iter().copied()),
        }
    }

    fn traversal(&self, traversal: &Traversal) -> String {
        match &path_of(traversal)[..] {
            [] => self.text(&traversal.expr),
            ["each", "key"] => self.key.clone().unwrap_or_else(|| self.reference(traversal)),
            ["local", name, ..] => self.text(self.local(name)),
            ["var", name, ..] => match self.argument(name) {
                Some((module, value)) => module.text(value),
                None => self.reference(traversal),
            },
            ["module", name, output, ..] => {
                let index = traversal.operators.iter().find_map(|operator| match operator.value() {
                    TraversalOperator::Index(index) => index.as_str().map(str::to_owned),
                    _ => None,
                });
                let module = self.instance(name, index);
                let output = module.blocks("output").find(|block| block.labels[0].as_str() == *output);
                let output = output.unwrap_or_else(|| panic!("module {name} has no such output"));
                module.text(attribute(&output.body, "value").expect("an output has a value"))
            }
            _ => self.reference(traversal),
        }
    }

    fn reference(&self, traversal: &Traversal) -> String {
        format!("${{{}{}}}", self.address, path_of(traversal).join("."))
    }

    fn template(&self, template: &Template) -> String {
        let elements = template.iter().map(|element| match element {
            Element::Literal(text) => text.to_string(),
            Element::Interpolation(interpolation) => self.text(&interpolation.expr),
            Element::Directive(_) => panic!("a directive is not understood: {template:?}"),
        });
        elements.collect()
    }
}

fn is_policy_of_a_role(block: &Block) -> bool {
    block.has_ident("resource")
        && ["aws_iam_role_polic", "aws_iam_policy_attachment"]
            .iter()
            .any(|kind| block.labels[0].as_str().starts_with(kind))
}

/// The folder of the module that a block makes an instance of.
fn source_of(module: &Block) -> String {
    let source =
        attribute(&module.body, "source").and_then(Expression::as_str).expect("a module has a source");
    source.strip_prefix("../").expect("it lies beside the pipeline").to_owned()
}

fn attribute<'a>(body: &'a Body, name: &str) -> Option<&'a Expression> {
    body.get_attribute(name).map(|attribute| &attribute.value)
}

/// The values of all attributes, those of nested blocks too.
fn expressions(body: &Body) -> Vec<&Expression> {
    let values = body.iter().flat_map(|structure| match structure {
        Structure::Attribute(attribute) => vec![&attribute.value],
        Structure::Block(block) => expressions(&block.body),
    });
    values.collect()
}

/// The names in `local.functions["webhook"].name`, without what is in brackets; none where it starts with no name.
fn path_of(traversal: &Traversal) -> Vec<&str> {
    let Expression::Variable(first) = &traversal.expr else { return Vec::new() };
    let names = traversal.operators.iter().filter_map(|operator| match operator.value() {
        TraversalOperator::GetAttr(name) => Some(name.as_str()),
        _ => None,
    });
    [first.as_str()].into_iter().chain(names).collect()
}
