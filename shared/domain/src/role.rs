use crate::words;

/// What a user may do in his tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything, users and connections included.
    Admin,
    /// Trigger, retry, cancel and replay.
    Editor,
    /// Read.
    Viewer,
}

words!(Role, "role", { Admin => "ADMIN", Editor => "EDITOR", Viewer => "VIEWER" });

impl Role {
    /// Whether the user may trigger, retry, cancel and replay.
    pub const fn may_steer(self) -> bool {
        matches!(self, Self::Admin | Self::Editor)
    }
}
