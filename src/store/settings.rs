//! Settings that a person changed: words by key.

use std::collections::HashMap;

use super::{Store, StoreError};

impl Store {
    /// All settings that were changed.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn settings(&self) -> Result<HashMap<String, String>, StoreError> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT key, value FROM settings").fetch_all(&self.read).await?;
        Ok(rows.into_iter().collect())
    }

    /// Changes several settings at once.
    ///
    /// # Errors
    /// Where the database fails; then none is changed.
    pub async fn save_settings(&self, values: &[(&str, String)]) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        for (key, value) in values {
            sqlx::query(
                "INSERT INTO settings (key, value) VALUES ($1, $2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )
            .bind(*key)
            .bind(value)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
