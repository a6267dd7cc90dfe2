//! Enough of GraphQL to read one operation and to answer it out of a record: fields, aliases, arguments, variables
//! and connections; no fragments and no directives.

use std::{iter::Peekable, str::CharIndices};

use serde_json::{Map, Value, json};

/// The key under which a record keeps the name of its type.
pub const TYPE: &str = "@type";
/// The key under which a connection keeps its records.
pub const CONNECTION: &str = "@connection";
const LARGEST_PAGE: u64 = 250;

/// What a client asks for.
#[derive(Debug)]
pub struct Operation {
    pub is_mutation: bool,
    pub fields: Vec<Field>,
}

/// One field of a selection, its arguments with the variables filled in.
#[derive(Debug)]
pub struct Field {
    /// The name in the answer.
    pub alias: String,
    pub name: String,
    pub arguments: Map<String, Value>,
    pub selection: Vec<Self>,
}

impl Operation {
    /// Reads the text of one operation; the reason where it cannot be read.
    pub fn parse(text: &str, variables: &Map<String, Value>) -> Result<Self, String> {
        let mut reader =
            Reader { letters: text.char_indices().peekable(), text, variables, declared: Vec::new() };
        let is_mutation = match reader.peek() {
            Some('{') => false,
            _ => match reader.name()? {
                "query" => false,
                "mutation" => true,
                other => return Err(format!("syntax error, unexpected {other}")),
            },
        };
        if reader.peek().is_some_and(|letter| letter.is_ascii_alphabetic()) {
            reader.name()?;
        }
        if reader.takes('(') {
            reader.declarations()?;
        }
        let fields = reader.selection()?;
        match reader.peek() {
            None => Ok(Self { is_mutation, fields }),
            Some(letter) => Err(format!("the simulator reads one operation and no fragments, not {letter}")),
        }
    }

    /// What it may cost at the most: one point for an object, two and its page for a connection.
    pub fn requested_cost(&self) -> u32 {
        let base = if self.is_mutation { 10 } else { 0 };
        self.fields.iter().fold(base, |sum, field| sum.saturating_add(field.requested_cost()))
    }
}

impl Field {
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).and_then(Value::as_str)
    }

    fn requested_cost(&self) -> u32 {
        let inner =
            self.selection.iter().fold(0, |sum: u32, field| sum.saturating_add(field.requested_cost()));
        match (self.selection.is_empty(), self.arguments.get("first").and_then(Value::as_u64)) {
            (true, _) => 0,
            (false, Some(first)) => {
                2_u32.saturating_add(inner.saturating_mul(u32::try_from(first).unwrap_or(u32::MAX)))
            }
            (false, None) if self.name == "pageInfo" => 0,
            (false, None) => inner.saturating_add(1),
        }
    }

    /// Answers this field out of a record's own value for it, and counts what that cost.
    pub fn answer(&self, value: &Value, cost: &mut u32) -> Result<Value, String> {
        match value {
            Value::Object(record) => match record.get(CONNECTION) {
                Some(records) => self.answer_connection(records.as_array().map_or(&[], Vec::as_slice), cost),
                None => {
                    *cost += 1;
                    self.answer_object(record, cost)
                }
            },
            Value::Array(values) if values.iter().any(Value::is_object) => {
                let answers = values.iter().map(|value| self.answer(value, cost));
                answers.collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Value::Null | Value::Array(_) => Ok(value.clone()),
            _ if self.selection.is_empty() => Ok(value.clone()),
            _ => Err(format!("Selections can't be made on scalars (field '{}')", self.name)),
        }
    }

    fn answer_object(&self, record: &Map<String, Value>, cost: &mut u32) -> Result<Value, String> {
        let type_name = record.get(TYPE).and_then(Value::as_str).unwrap_or("Object");
        if self.selection.is_empty() {
            return Err(format!(
                "Field must have selections (field '{}' returns {type_name} but has no selections)",
                self.name
            ));
        }
        let mut answer = Map::new();
        for field in &self.selection {
            let value = match (field.name.as_str(), record.get(&field.name)) {
                ("__typename", _) => json!(type_name),
                (_, Some(value)) => field.answer(value, cost)?,
                (name, None) => return Err(format!("Field '{name}' doesn't exist on type '{type_name}'")),
            };
            answer.insert(field.alias.clone(), value);
        }
        Ok(Value::Object(answer))
    }

    fn answer_connection(&self, records: &[Value], cost: &mut u32) -> Result<Value, String> {
        let first = match self.arguments.get("first").map(Value::as_u64) {
            Some(Some(first @ 1..=LARGEST_PAGE)) => first as usize,
            Some(_) => return Err(format!("first is 1 to {LARGEST_PAGE} (field '{}')", self.name)),
            None => return Err(format!("you must provide first (field '{}')", self.name)),
        };
        let after = match self.argument("after").map(str::parse::<usize>) {
            None => 0,
            Some(Ok(after)) => after,
            Some(Err(_)) => {
                return Err(format!("Invalid cursor for current pagination sort (field '{}')", self.name));
            }
        };
        *cost += 2;
        let page: Vec<(usize, &Value)> = records.iter().enumerate().skip(after).take(first).collect();
        let cursor = |place: Option<&(usize, &Value)>| place.map(|(at, _)| (at + 1).to_string());
        let page_info = json!({
            TYPE: "PageInfo",
            "hasNextPage": after.saturating_add(first) < records.len(),
            "hasPreviousPage": after > 0,
            "startCursor": cursor(page.first()),
            "endCursor": cursor(page.last()),
        });
        let mut answer = Map::new();
        for field in &self.selection {
            let value = match field.name.as_str() {
                "pageInfo" => field.answer(&page_info, &mut 0)?,
                "nodes" => {
                    let nodes = page.iter().map(|(_, record)| field.answer(record, cost));
                    Value::Array(nodes.collect::<Result<_, _>>()?)
                }
                "edges" => {
                    let edge = |(at, record): &(usize, &Value)| json!({ TYPE: "Edge", "cursor": (at + 1).to_string(), "node": record });
                    let edges = page.iter().map(|place| field.answer(&edge(place), cost));
                    Value::Array(edges.collect::<Result<_, _>>()?)
                }
                name => {
                    return Err(format!("Field '{name}' doesn't exist on the connection '{}'", self.name));
                }
            };
            answer.insert(field.alias.clone(), value);
        }
        Ok(Value::Object(answer))
    }
}

struct Reader<'a> {
    letters: Peekable<CharIndices<'a>>,
    text: &'a str,
    variables: &'a Map<String, Value>,
    declared: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    /// The next letter that means something; commas mean nothing in GraphQL.
    fn peek(&mut self) -> Option<char> {
        while self.letters.next_if(|(_, letter)| letter.is_whitespace() || *letter == ',').is_some() {}
        self.letters.peek().map(|(_, letter)| *letter)
    }

    fn takes(&mut self, expected: char) -> bool {
        let is_there = self.peek() == Some(expected);
        if is_there {
            self.letters.next();
        }
        is_there
    }

    fn expect(&mut self, expected: char) -> Result<(), String> {
        match self.peek() {
            Some(found) if found == expected => {
                self.letters.next();
                Ok(())
            }
            Some(found) => Err(format!("syntax error, expected {expected}, found {found}")),
            None => Err(format!("syntax error, expected {expected}, found the end")),
        }
    }

    fn name(&mut self) -> Result<&'a str, String> {
        self.word(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> Result<&'a str, String> {
        self.peek();
        let start = self.position();
        while self.letters.next_if(|(_, letter)| belongs(*letter)).is_some() {}
        match &self.text[start..self.position()] {
            "" => Err(format!("syntax error, expected a name at {:?}", self.text[start..].chars().next())),
            word => Ok(word),
        }
    }

    fn position(&mut self) -> usize {
        self.letters.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    /// `$id: ID!, $first: Int = 10` up to the bracket: a variable without a value has to be one that may be missing.
    fn declarations(&mut self) -> Result<(), String> {
        while !self.takes(')') {
            self.expect('$')?;
            let name = self.name()?;
            self.expect(':')?;
            self.word(|letter| letter.is_ascii_alphanumeric() || "_[]!".contains(letter))?;
            let is_required = self.text[..self.position()].ends_with('!');
            if self.peek() == Some('=') {
                return Err("the simulator reads no default values of variables".to_owned());
            }
            if is_required && self.variables.get(name).is_none_or(Value::is_null) {
                return Err(format!("Variable ${name} was provided invalid value"));
            }
            self.declared.push(name);
        }
        Ok(())
    }

    fn selection(&mut self) -> Result<Vec<Field>, String> {
        self.expect('{')?;
        let mut fields = Vec::new();
        while !self.takes('}') {
            fields.push(self.field()?);
        }
        if fields.is_empty() { Err("syntax error, unexpected }".to_owned()) } else { Ok(fields) }
    }

    fn field(&mut self) -> Result<Field, String> {
        let alias = self.name()?;
        let name = if self.takes(':') { self.name()? } else { alias };
        let mut arguments = Map::new();
        if self.takes('(') {
            while !self.takes(')') {
                let argument = self.name()?;
                self.expect(':')?;
                arguments.insert(argument.to_owned(), self.value()?);
            }
        }
        let selection = if self.peek() == Some('{') { self.selection()? } else { Vec::new() };
        Ok(Field { alias: alias.to_owned(), name: name.to_owned(), arguments, selection })
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.peek() {
            Some('$') => {
                self.letters.next();
                let name = self.name()?;
                if !self.declared.contains(&name) {
                    return Err(format!("Variable ${name} is used but not declared"));
                }
                Ok(self.variables.get(name).cloned().unwrap_or_default())
            }
            Some('"') => self.text_value(),
            Some('[') => {
                self.letters.next();
                let mut values = Vec::new();
                while !self.takes(']') {
                    values.push(self.value()?);
                }
                Ok(Value::Array(values))
            }
            Some('{') => {
                self.letters.next();
                let mut fields = Map::new();
                while !self.takes('}') {
                    let name = self.name()?;
                    self.expect(':')?;
                    fields.insert(name.to_owned(), self.value()?);
                }
                Ok(Value::Object(fields))
            }
            _ => {
                let word = self.word(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter))?;
                // Numbers, true, false and null are as in JSON; what is left is a word of an enumeration.
                Ok(serde_json::from_str(word).unwrap_or_else(|_| json!(word)))
            }
        }
    }

    /// A quoted text, whose escapes are those of JSON.
    fn text_value(&mut self) -> Result<Value, String> {
        let start = self.position();
        self.letters.next();
        while let Some((_, letter)) = self.letters.next() {
            match letter {
                '\\' => {
                    self.letters.next();
                }
                '"' => {
                    let text = &self.text[start..self.position()];
                    return serde_json::from_str(text).map_err(|_| format!("syntax error in {text}"));
                }
                _ => {}
            }
        }
        Err("syntax error, a text does not end".to_owned())
    }
}
