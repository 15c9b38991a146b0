ROLLBACK PREPARED 'of the app';
