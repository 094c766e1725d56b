//! An accessor is as visible as its field. The generated type is as visible as the struct, and the application can extend it.

use session_runtime::{Session, testing};

mod shop {
    use session_runtime::Session;

    #[derive(Default, serde::Serialize, serde::Deserialize)]
    struct Hidden;

    mod inner {
        use session_runtime::Session;

        #[derive(Session)]
        pub(in crate::visibility) struct Inner {
            pub(in crate::visibility) wide: u8,
            pub(super) near: u8,
        }
    }

    #[derive(Session)]
    pub(crate) struct Shop {
        #[session(identity)]
        pub(crate) user_id: Option<u64>,
        pub(super) attempts: u8,
        hidden: Hidden,
    }

    impl ShopFields {
        /// An operation of the application's own.
        pub(crate) fn sign_in(&mut self, user: u64) {
            self.user_id_mut().log_in(user);
            let _: &Hidden = self.hidden();
            self.renew();
        }
    }

    pub(crate) fn shop() -> Shop {
        Shop { user_id: None, attempts: 2, hidden: Hidden }
    }

    pub(super) fn inner() -> inner::Inner {
        let inner = inner::Inner { wide: 1, near: 2 };
        let session = session_runtime::testing::session(|it| *it = inner);
        assert_eq!(session.near(), 2);
        session_runtime::testing::into_value(session)
    }

    pub(super) type Fields = ShopFields;
}

fn attempts(fields: &mut shop::Fields) -> u8 {
    *fields.attempts_mut() += 1;
    fields.attempts()
}

#[test]
fn an_application_can_add_methods_to_its_session() {
    let mut session: Session<shop::Shop> = testing::session(|it| *it = shop::shop());
    session.sign_in(7);
    assert_eq!(session.user_id(), Some(7));
    assert_eq!(attempts(&mut session), 3);
    assert_eq!(testing::session(|it| *it = shop::inner()).wide(), 1);
}
