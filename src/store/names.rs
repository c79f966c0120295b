//! What people call devices, for lists that know only addresses.

use std::collections::HashMap;

use sqlx::QueryBuilder;

use super::{Store, StoreError};
use crate::domain::mac::MacAddr;

/// Addresses in one query.
const AT_ONCE: usize = 500;

impl Store {
    /// The names of these devices, as far as they have any.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn device_names(
        &self,
        macs: &[MacAddr],
    ) -> Result<HashMap<MacAddr, String>, StoreError> {
        let mut names = HashMap::new();
        for macs in macs.chunks(AT_ONCE) {
            let mut query =
                QueryBuilder::new("SELECT mac, name FROM devices WHERE name <> '' AND mac IN (");
            let mut list = query.separated(", ");
            for mac in macs {
                list.push_bind(mac.hex());
            }
            list.push_unseparated(")");
            let rows: Vec<(String, String)> = query.build_query_as().fetch_all(&self.read).await?;
            for (mac, name) in rows {
                if let Ok(mac) = mac.parse() {
                    names.insert(mac, name);
                }
            }
        }
        Ok(names)
    }
}
