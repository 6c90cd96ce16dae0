//! What a page of Markdown holds: its fenced blocks, its commands, the words that it sets as code.

/// A fenced block.
pub struct Block {
    pub language: String,
    pub text: String,
}

/// A command, and what the page says that it prints.
pub struct Step {
    pub command: String,
    pub output: String,
}

pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let text = inside.join("\n") + "\n";
        blocks.push(Block { language: language.to_owned(), text });
    }
    blocks
}

/// The commands of a console block: each after `$ `, going on after a backslash.
pub fn steps(console: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut unfinished = false;
    for line in console.lines() {
        let begins = line.strip_prefix("$ ");
        if let Some(command) = begins {
            steps.push(Step { command: String::new(), output: String::new() });
            unfinished = true;
            extend(steps.last_mut().unwrap(), command, &mut unfinished);
            continue;
        }
        let step = steps.last_mut().expect("a console block begins with a command");
        match unfinished {
            true => extend(step, line.trim_start(), &mut unfinished),
            false => step.output = format!("{}{line}\n", step.output),
        }
    }
    steps
}

fn extend(step: &mut Step, part: &str, unfinished: &mut bool) {
    match part.strip_suffix('\\') {
        Some(more) => step.command.push_str(more),
        None => {
            step.command.push_str(part);
            *unfinished = false;
        }
    }
}

/// Every text between single backticks, outside fenced blocks.
pub fn code_words(page: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut words = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            words.extend(line.split('`').skip(1).step_by(2));
        }
    }
    words
}

/// Every invocation of the binary on the page, without the word `surety`.
pub fn invocations(page: &str) -> Vec<String> {
    let mut lines: Vec<String> = code_words(page).into_iter().map(str::to_owned).collect();
    for block in blocks(page) {
        match block.language.as_str() {
            "sh" => lines.extend(block.text.lines().map(str::to_owned)),
            "console" => lines.extend(steps(&block.text).into_iter().map(|step| step.command)),
            _ => {}
        }
    }
    let ours = |line: String| {
        let line = line.replace("cargo run --release -- ", "surety ");
        let command = line.split(['#', '|']).next().unwrap_or_default().trim();
        command.strip_prefix("surety ").map(str::to_owned)
    };
    lines.into_iter().filter_map(ours).collect()
}
