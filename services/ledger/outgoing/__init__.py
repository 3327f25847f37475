"""Events on their way to endpoints: subscriptions, and one delivery for each event of each."""
