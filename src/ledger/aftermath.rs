//! Refunds, disputes, misuse and bank answers.
