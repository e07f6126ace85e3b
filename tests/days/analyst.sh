# A first day at the command line: files from colleagues in the morning, a list of links by the evening.

# The files: edges from a spreadsheet, with blanks, a duplicate and a self loop; a table about people.
mkdir -p "my data"
cat > "my data/friends.csv" <<'END'
# exported from the address book
Person;Knows;Since
Ann; Bob;2011
Bob;Ann;2011
Bob;Cid;2013
Ann;Cid;2013
Cid;Cid;2014
Dan;Eve;2015
Eve;Fay;2016
Fay;Dan;2016
Dan;Eve;2015
Cid;Dan;2019
END
cat > people.csv <<'END'
name;age;city
Ann;31;Oslo
Bob;45;Oslo
Cid;;Bergen
Dan;28;Bergen
Eve;39;Oslo
Fay;52;Bergen
END

# What is in it?
vgae inspect "my data/friends.csv" --features people.csv --missing mean --json > inspected.json

# A missing age is refused until the analyst says what to do; nothing is written.
if vgae fit "my data/friends.csv" --features people.csv --no-holdout --out "runs/first try"; then exit 1; fi
test ! -e "runs/first try"

vgae fit "my data/friends.csv" --features people.csv --standardize --missing mean --no-holdout \
    --out "runs/first try"
vgae recommend "runs/first try" --top 5 --out friends.gexf    # a picture for Gephi
vgae recommend "runs/first try" --top 3 --out links.csv

# A second list does not replace the first without a word.
if vgae recommend "runs/first try" --top 5 --out links.csv; then exit 1; fi

# A slip of the pen names the node that was meant.
if vgae recommend "runs/first try" --node ann 2> slip.txt; then exit 1; fi

# Probabilities of pairs from standard input, and the embedding.
printf 'Ann;Dan\nBob;Fay\n' | vgae predict "runs/first try" -
vgae embed "runs/first try" --out embedding.csv

# How good would that be on a larger graph?
vgae evaluate karate --models gae,resource-allocation,spectral --runs 3 --steps 20 --compare \
    --out scores.csv
