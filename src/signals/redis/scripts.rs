//! The Lua scripts, called by hash, or whole where a server has lost them.

use ::redis::Cmd;

/// A script and the hash under which a server knows it.
#[derive(Debug)]
pub struct Script {
    text: &'static str,
    hash: String,
}

/// How a script is named in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    ByHash,
    /// By its text, which teaches the server the hash.
    InFull,
}

impl Script {
    fn new(text: &'static str) -> Script {
        Script { text, hash: ::redis::Script::new(text).get_hash().to_owned() }
    }

    /// The call with its number of keys; keys and arguments are for the caller to add.
    pub fn call(&self, named: Named, keys: usize) -> Cmd {
        let (name, script) = match named {
            Named::ByHash => ("EVALSHA", self.hash.as_str()),
            Named::InFull => ("EVAL", self.text),
        };
        let mut command = ::redis::cmd(name);
        command.arg(script).arg(keys);
        command
    }
}

/// All scripts.
#[derive(Debug)]
pub struct Scripts {
    pub tell: Script,
    pub replace: Script,
}

impl Scripts {
    pub fn new() -> Scripts {
        Scripts {
            tell: Script::new(include_str!("tell.lua")),
            replace: Script::new(include_str!("replace.lua")),
        }
    }

    pub fn all(&self) -> [&Script; 2] {
        [&self.tell, &self.replace]
    }
}
