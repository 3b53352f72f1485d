"""Bad input of every kind, made from good data, and the answer that mmlite gives to each."""
