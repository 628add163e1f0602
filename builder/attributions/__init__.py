"""What an attribution is, and each method that says which inputs a decision rests on."""
